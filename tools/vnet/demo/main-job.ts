import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../../lab/lab.ts';
import { LEASE_SCRIPT, serveLeases } from '../../lab/traffic.ts';
import { ADDRESSES } from './network.ts';
import { DemoTerminal } from './terminal.ts';

const SECRET = 'open-sesame-42';
const FILE_MEBIBYTES = 64;

/**
 * The main job of VNET, told from beginning to end on a world that `buildNetwork` made. Everything it shows is checked.
 * `standing` is awaited while the Handler is up. @throws DemoError or CommandError when something was not as it should be
 */
export async function showMainJob(
  lab: Lab,
  standing: (terminal: DemoTerminal, vm: string) => Promise<void>,
): Promise<void> {
  const terminal = new DemoTerminal(lab, { VNET_PASSWORD: SECRET });
  const servers = await startServers(terminal);
  const handler = await makeHandler(terminal);
  const vm = await leaseAddress(terminal);
  await traffic(terminal, vm);
  await counters(terminal, handler);
  await standing(terminal, vm);
  await close(terminal, handler, vm);
  terminal.headline('Both servers end; what happened is played again from their logs');
  for (const [name, server] of Object.entries(servers)) {
    const status = await server.stop();
    terminal.check(status === 0, `the ${name} ended on SIGTERM, with status 0`);
  }
  for (const machine of ['proxy', 'host']) {
    await terminal.type(machine, 'vnet replay log', { show: 6 });
    terminal.good('every state came out again as it was recorded');
  }
}

async function startServers(terminal: DemoTerminal) {
  terminal.headline('A key for each server; each is shown the fingerprint of the other');
  const lines: Record<string, string> = {};
  for (const machine of ['proxy', 'host']) {
    lines[machine] = (await terminal.type(machine, `vnet keygen keys --name ${machine}`)).stdout.trim();
  }
  await terminal.type('host', `echo ${lines.proxy} > authorized`);
  await terminal.type('proxy', `echo '${lines.host} server=${ADDRESSES.hostAddress}' > authorized`);

  terminal.headline('A server on the Host, a server on the Proxy');
  terminal.print(`  (on both, $VNET_PASSWORD holds the password for people who come by loopback)`);
  const control = '--listen tcp://127.0.0.1:7411';
  const options = (name: string) =>
    `--log log \\\n  --cert keys/${name}.crt --key keys/${name}.key --authorized authorized`;
  const wide = `--listen tls://${ADDRESSES.hostAddress}:7411`;
  const host = await terminal.start(
    'host',
    `vnet serve --name host ${wide} ${control} ${options('host')}`,
    /^READY /m,
  );
  const proxy = await terminal.start(
    'proxy',
    `vnet serve --name proxy ${control} ${options('proxy')}`,
    /^READY /m,
  );
  await terminal.type('proxy', 'vnet devices');
  return { proxy, host };
}

async function makeHandler(terminal: DemoTerminal): Promise<string> {
  terminal.headline('The Handler: what the VM is to the Host shall be on the LAN of the Proxy');
  const { hostAddress, vmMac } = ADDRESSES;
  const command = `vnet handle tls://${hostAddress}:7411 eth0 vm0 PROXY HOST ${vmMac} --remote-cert`;
  const { stdout } = await terminal.type('proxy', command);
  const handler = /\b[0-9a-f]{16,64}\b/.exec(stdout)?.[0] ?? '';
  terminal.check(handler !== '', `the Handler is ${handler}`);
  return handler;
}

async function leaseAddress(terminal: DemoTerminal): Promise<string> {
  terminal.headline('The VM asks for an address, and the LAN at home gives it one (dnsmasq on the router)');
  const { homeRouter } = ADDRESSES;
  const range = { dev: 'br0', first: '192.168.77.100', last: '192.168.77.150', router: homeRouter };
  await serveLeases(terminal.lab, 'home', range);
  writeFileSync(join(terminal.folder('vm'), 'lease.sh'), LEASE_SCRIPT, { mode: 0o755 });
  const { stdout } = await terminal.type('vm', 'udhcpc -i eth0 -f -q -n -t 10 -T 1 -s ./lease.sh 2>&1');
  const vm = /^LEASE (\S+)/m.exec(stdout)?.[1] ?? '';
  terminal.check(/^192\.168\.77\.1\d\d$/.test(vm), `the VM is ${vm} on the LAN, though it stands far away`);
  return vm;
}

async function traffic(terminal: DemoTerminal, vm: string): Promise<void> {
  terminal.headline('The user pings the VM, the VM pings the user');
  for (const [machine, address] of [
    ['user', vm],
    ['vm', ADDRESSES.userAddress],
  ] as const) {
    const { stdout } = await terminal.type(machine, `ping -n -c 3 -i 0.2 ${address}`);
    terminal.check(
      / 3 received/.test(stdout) && !/duplicates/.test(stdout),
      'three sent, three received, none twice',
    );
  }

  terminal.headline('The VM serves a web page and a file to the user');
  await terminal.type('vm', 'mkdir www && echo "<h1>Hello from far away</h1>" > www/index.html');
  await terminal.type('vm', `head -c ${FILE_MEBIBYTES}M /dev/urandom > www/file`);
  await terminal.type('vm', 'busybox httpd -p 80 -h www');
  const page = await terminal.type('user', `curl -sS http://${vm}/`);
  terminal.check(page.stdout.includes('Hello from far away'), 'the page arrived');
  await terminal.type(
    'user',
    `curl -sS -o file -w '%{size_download} bytes, %{speed_download} a second\\n' http://${vm}/file`,
  );
  const sums = [
    await terminal.type('vm', 'sha256sum < www/file'),
    await terminal.type('user', 'sha256sum < file'),
  ];
  const [there, here] = sums.map(({ stdout }) => stdout.slice(0, 64));
  terminal.check(there === here, `${FILE_MEBIBYTES} MiB crossed with equal SHA-256`);
}

async function counters(terminal: DemoTerminal, handler: string): Promise<void> {
  terminal.headline('What crossed, asked for as a person would, with nc');
  const talk = 'printf \'HELLO password %s\\nHANDLERS?\\nDONE\\n\' "$VNET_PASSWORD" | nc -N 127.0.0.1 7411';
  const { stdout } = await terminal.type('proxy', talk);
  const line = stdout.split('\n').find((text) => text.startsWith(`HANDLER ${handler} `)) ?? '';
  const count = (name: string) => Number(new RegExp(`\\b${name}=(\\d+)`).exec(line)?.[1] ?? 0);
  terminal.check(/state=binary/.test(line), 'the Handler is in state binary');
  const enough = FILE_MEBIBYTES << 20;
  terminal.check(count('rx_bytes') > enough && count('tx_frames') > 0, 'the counters saw the file cross');
}

async function close(terminal: DemoTerminal, handler: string, vm: string): Promise<void> {
  terminal.headline('CLOSE: the VM is far away again');
  await terminal.type('proxy', `vnet close ${handler}`);
  const after = await terminal.type('user', `ping -n -c 2 -i 0.2 -W 1 ${vm}`, { fails: true });
  terminal.check(/ 0 received/.test(after.stdout), 'no answer any more, as it should be');
  for (const machine of ['proxy', 'host']) {
    const { stdout } = await terminal.type(machine, 'vnet handlers');
    terminal.check(!stdout.includes(handler), `no Handler on the ${machine} any more`);
  }
}
