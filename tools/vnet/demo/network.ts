import { Lab } from '../../lab/lab.ts';

/** Addresses of the demo's world; 198.51.100.0/24 and 203.0.113.0/24 are for documentation (RFC 5737). */
export const ADDRESSES = {
  userAddress: '192.168.77.10',
  homeRouter: '192.168.77.1',
  proxyAddress: '192.168.77.2',
  hostAddress: '203.0.113.2',
  vmMac: '52:54:00:12:34:56',
} as const;

export const DIAGRAM = `
        at home: LAN 192.168.77.0/24                    far away
  ┌───────────────┐
  │     user      │    ┌───────────────┐
  │ 192.168.77.10 ├────┤     home      │   ┌──────────┐   ┌───────────────┐   ┌──────────┐
  └───────────────┘    │  router with  │   │ internet │   │     host      │   │    vm    │
  ┌───────────────┐    │  LAN bridge   ├───┤ (router) ├───┤  203.0.113.2  ├───┤ no       │
  │     proxy     ├────┤  and DHCP     │   └──────────┘   │           vm0 │   │ address  │
  │ eth0       .2 │    │ 192.168.77.1  │                  └───────┬───────┘   └──────────┘
  └───────┬───────┘    └───────────────┘                          │
          └─────────────── the Handler's wire, tls:// ────────────┘
`;

/** Builds the machines and cables of DIAGRAM. The caller closes the lab. */
export async function buildNetwork(): Promise<Lab> {
  const lab = new Lab();
  try {
    await lab.addNamespaces('user', 'home', 'proxy', 'internet', 'host', 'vm');
    await homeNetwork(lab);
    await farNetwork(lab);
    return lab;
  } catch (error) {
    lab.close();
    throw error;
  }
}

async function homeNetwork(lab: Lab): Promise<void> {
  const { userAddress, proxyAddress, homeRouter } = ADDRESSES;
  await lab.addBridge('home', 'br0', { addresses: [`${homeRouter}/24`] });
  for (const [ns, address] of [
    ['user', userAddress],
    ['proxy', proxyAddress],
  ] as const) {
    await lab.addCable(
      { ns, dev: 'eth0', addresses: [`${address}/24`] },
      { ns: 'home', dev: ns, bridge: 'br0' },
    );
    await lab.ip(ns, `route add default via ${homeRouter}`);
  }
  await lab.addCable(
    { ns: 'home', dev: 'wan0', addresses: ['198.51.100.2/24'] },
    { ns: 'internet', dev: 'home', addresses: ['198.51.100.1/24'] },
  );
  await lab.ip('home', 'route add default via 198.51.100.1');
  await lab.forward('home');
}

async function farNetwork(lab: Lab): Promise<void> {
  await lab.addCable(
    { ns: 'host', dev: 'eth0', addresses: [`${ADDRESSES.hostAddress}/24`] },
    { ns: 'internet', dev: 'far', addresses: ['203.0.113.1/24'] },
  );
  await lab.ip('host', 'route add default via 203.0.113.1');
  await lab.ip('internet', 'route add 192.168.77.0/24 via 198.51.100.2');
  await lab.forward('internet');
  await lab.addCable({ ns: 'vm', dev: 'eth0', mac: ADDRESSES.vmMac }, { ns: 'host', dev: 'vm0' });
}
