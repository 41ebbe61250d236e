/**
 * Where the soak happens. Three Handlers between the same two servers, one by each kind of device:
 *
 *     user ──┐                            ┌ [vm1] ── [eth0] vma   AF_PACKET, over TLS
 *            │ br0 in `proxy`        host ┤ [vm2] ── [eth0] vmb   libpcap, over TLS
 *     vnet0 ─┘                            └ tap:vm3               the host's own stack is the VM, over TLS
 *     (tap:vnet0?bridge=br0)
 *
 *     proxy [wan0 198.51.100.2] ── [proxy] internet [far] ── [eth0 203.0.113.2] host
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Lab } from '../../tools/lab/lab.ts';
import { VnetServer } from '../../tools/lab/server.ts';
import { Router } from './underlay.ts';

export const USER = '192.168.77.10';

export interface Vm {
  readonly name: string;
  /** Namespace and interface of its own network card. */
  readonly ns: string;
  readonly dev: string;
  readonly mac: string;
  readonly address: string;
  /** What the host's server is told. */
  readonly device: string;
  /** Interface of the host that can be deleted, and what makes it again; none for the TAP. */
  readonly port?: string;
}

export const VMS: readonly Vm[] = [
  {
    name: 'vma',
    ns: 'vma',
    dev: 'eth0',
    mac: '52:54:00:00:00:51',
    address: '192.168.77.51',
    device: 'vm1',
    port: 'vm1',
  },
  {
    name: 'vmb',
    ns: 'vmb',
    dev: 'eth0',
    mac: '52:54:00:00:00:52',
    address: '192.168.77.52',
    device: 'pcap:vm2',
    port: 'vm2',
  },
  {
    name: 'vmc',
    ns: 'host',
    dev: 'vm3',
    mac: '52:54:00:00:00:53',
    address: '192.168.77.53',
    device: 'tap:vm3',
  },
];

export const PROXY_DEVICE = 'tap:vnet0?bridge=br0';
const WAN = { proxy: '198.51.100.2', proxyToo: '198.51.100.3', host: '203.0.113.2' } as const;

export class SoakWorld {
  readonly proxy: VnetServer;
  readonly host: VnetServer;
  readonly router: Router;
  #address: string = WAN.proxy;

  private constructor(readonly lab: Lab) {
    // So short that a soak of a minute sees their ends, too.
    const config = join(lab.folder, 'soak.json');
    writeFileSync(config, JSON.stringify({ limits: { 'grace-ms': 20_000 } }));
    const server = (name: 'proxy' | 'host', address: string) =>
      new VnetServer(lab, { ns: name, name, listen: `tls://${address}:7411`, args: ['--config', config] });
    // Its address changes, and it may have to start again after that.
    this.proxy = server('proxy', '0.0.0.0');
    this.host = server('host', WAN.host);
    this.router = new Router(lab, 'internet', 'proxy');
  }

  /** Builds it and starts both servers. `close()` it. */
  static async build(): Promise<SoakWorld> {
    const lab = new Lab();
    try {
      const world = new SoakWorld(lab);
      await world.#networks();
      await world.#servers();
      return world;
    } catch (error) {
      lab.close();
      throw error;
    }
  }

  /** HANDLE for one VM, which then has its address. @returns the Handler's id @throws Error with the ERR line */
  async handle(vm: Vm): Promise<string> {
    const remote = `${this.host.options.listen}?pin=${this.host.fingerprint} cert`;
    const id = await this.proxy.handle(`${remote} ${PROXY_DEVICE} ${vm.device} PROXY HOST ${vm.mac}`);
    if (vm.port === undefined) await this.#dress(vm);
    return id;
  }

  /** The VM's network card is there, with its addresses: after it, or the TAP, was made anew. */
  async #dress({ ns, dev, mac, address }: Vm): Promise<void> {
    await this.lab.ip(
      ns,
      `link set dev ${dev} down`,
      `link set dev ${dev} address ${mac}`,
      `link set dev ${dev} up`,
      `address replace ${address}/24 dev ${dev}`,
    );
  }

  async dressTaps(): Promise<void> {
    for (const vm of VMS) {
      if (vm.port === undefined && (await this.lab.hasLink(vm.ns, vm.dev))) await this.#dress(vm);
    }
  }

  /** Deletes the cable of a VM at the host. */
  async unplug({ port }: Vm): Promise<void> {
    await this.lab.ip('host', `link del dev ${port}`);
  }

  async plug(vm: Vm): Promise<void> {
    const { ns, dev, mac, address, port } = vm;
    if (port === undefined) return;
    await this.lab.addCable({ ns, dev, mac, addresses: [`${address}/24`] }, { ns: 'host', dev: port });
  }

  /** Deletes the LAN's bridge. The Proxy's TAP stays, a port of nothing. */
  async removeBridge(): Promise<void> {
    await this.lab.ip('proxy', 'link del dev br0');
  }

  async makeBridge(): Promise<void> {
    await this.lab.addBridge('proxy', 'br0');
    for (const port of ['user', 'vnet0']) {
      if (await this.lab.hasLink('proxy', port))
        await this.lab.ip('proxy', `link set dev ${port} master br0`);
    }
  }

  /** The Proxy gets another address on its way out; what was connected by the old one is dead. */
  async move(): Promise<void> {
    const next = this.#address === WAN.proxy ? WAN.proxyToo : WAN.proxy;
    await this.lab.ip(
      'proxy',
      `address del ${this.#address}/24 dev wan0`,
      `address add ${next}/24 dev wan0`,
      'route replace 203.0.113.0/24 via 198.51.100.1',
    );
    this.#address = next;
  }

  close(): void {
    this.lab.close();
  }

  async #networks(): Promise<void> {
    const { lab } = this;
    await lab.addNamespaces('user', 'proxy', 'internet', 'host', 'vma', 'vmb');
    await lab.addBridge('proxy', 'br0');
    await lab.addCable(
      { ns: 'user', dev: 'eth0', addresses: [`${USER}/24`] },
      { ns: 'proxy', dev: 'user', bridge: 'br0' },
    );
    await lab.addCable(
      { ns: 'proxy', dev: 'wan0', addresses: [`${WAN.proxy}/24`] },
      { ns: 'internet', dev: 'proxy', addresses: ['198.51.100.1/24'] },
    );
    await lab.addCable(
      { ns: 'host', dev: 'eth0', addresses: [`${WAN.host}/24`] },
      { ns: 'internet', dev: 'far', addresses: ['203.0.113.1/24'] },
    );
    await lab.forward('internet');
    await lab.ip('proxy', 'route add 203.0.113.0/24 via 198.51.100.1');
    await lab.ip('host', 'route add 198.51.100.0/24 via 203.0.113.1');
    for (const vm of VMS) await this.plug(vm);
  }

  async #servers(): Promise<void> {
    await Promise.all([this.proxy.makeKey(), this.host.makeKey()]);
    this.proxy.authorize(this.host);
    this.host.authorize(this.proxy);
    await Promise.all([this.proxy.start(), this.host.start()]);
  }
}
