import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../../lab/lab.ts';
import { LEASE_SCRIPT, serveLeases } from '../../lab/traffic.ts';
import { Stage } from './stage.ts';
import { WORLD } from './world.ts';

const SECRET = 'open-sesame-42';
const FILE_MEBIBYTES = 64;

/**
 * The main job of VNET, told from beginning to end on a world that `buildWorld` made. Everything it shows is checked.
 * `standing` is awaited while the Handler is up. @throws StoryError or CommandError when something was not as it should be
 */
export async function tellStory(
  lab: Lab,
  standing: (stage: Stage, vm: string) => Promise<void>,
): Promise<void> {
  const stage = new Stage(lab, { VNET_PASSWORD: SECRET });
  const servers = await startServers(stage);
  const handler = await makeHandler(stage);
  const vm = await leaseAddress(stage);
  await traffic(stage, vm);
  await counters(stage, handler);
  await standing(stage, vm);
  await close(stage, handler, vm);
  stage.chapter('Both servers end; what happened is played again from their logs');
  for (const [name, server] of Object.entries(servers)) {
    const status = await server.stop();
    stage.check(status === 0, `the ${name} ended on SIGTERM, with status 0`);
  }
  for (const machine of ['proxy', 'host']) {
    await stage.type(machine, 'vnet replay log', { show: 6 });
    stage.good('every state came out again as it was recorded');
  }
}

async function startServers(stage: Stage) {
  stage.chapter('A key for each server; each is shown the fingerprint of the other');
  const lines: Record<string, string> = {};
  for (const machine of ['proxy', 'host']) {
    lines[machine] = (await stage.type(machine, `vnet keygen keys --name ${machine}`)).stdout.trim();
  }
  await stage.type('host', `echo ${lines.proxy} > authorized`);
  await stage.type('proxy', `echo '${lines.host} server=${WORLD.hostAddress}' > authorized`);

  stage.chapter('A server on the Host, a server on the Proxy');
  stage.print(`  (on both, $VNET_PASSWORD holds the password for people who come by loopback)`);
  const control = '--listen tcp://127.0.0.1:7411';
  const options = (name: string) =>
    `--log log \\\n  --cert keys/${name}.crt --key keys/${name}.key --authorized authorized`;
  const wide = `--listen tls://${WORLD.hostAddress}:7411`;
  const host = await stage.start(
    'host',
    `vnet serve --name host ${wide} ${control} ${options('host')}`,
    /^READY /m,
  );
  const proxy = await stage.start(
    'proxy',
    `vnet serve --name proxy ${control} ${options('proxy')}`,
    /^READY /m,
  );
  await stage.type('proxy', 'vnet devices');
  return { proxy, host };
}

async function makeHandler(stage: Stage): Promise<string> {
  stage.chapter('The Handler: what the VM is to the Host shall be on the LAN of the Proxy');
  const { hostAddress, vmMac } = WORLD;
  const command = `vnet handle tls://${hostAddress}:7411 eth0 vm0 PROXY HOST ${vmMac} --remote-cert`;
  const { stdout } = await stage.type('proxy', command);
  const handler = /\b[0-9a-f]{16,64}\b/.exec(stdout)?.[0] ?? '';
  stage.check(handler !== '', `the Handler is ${handler}`);
  return handler;
}

async function leaseAddress(stage: Stage): Promise<string> {
  stage.chapter('The VM asks for an address, and the LAN at home gives it one (dnsmasq on the router)');
  const { homeRouter } = WORLD;
  const range = { dev: 'br0', first: '192.168.77.100', last: '192.168.77.150', router: homeRouter };
  await serveLeases(stage.lab, 'home', range);
  writeFileSync(join(stage.folder('vm'), 'lease.sh'), LEASE_SCRIPT, { mode: 0o755 });
  const { stdout } = await stage.type('vm', 'udhcpc -i eth0 -f -q -n -t 10 -T 1 -s ./lease.sh 2>&1');
  const vm = /^LEASE (\S+)/m.exec(stdout)?.[1] ?? '';
  stage.check(/^192\.168\.77\.1\d\d$/.test(vm), `the VM is ${vm} on the LAN, though it stands far away`);
  return vm;
}

async function traffic(stage: Stage, vm: string): Promise<void> {
  stage.chapter('The user pings the VM, the VM pings the user');
  for (const [machine, address] of [
    ['user', vm],
    ['vm', WORLD.userAddress],
  ] as const) {
    const { stdout } = await stage.type(machine, `ping -n -c 3 -i 0.2 ${address}`);
    stage.check(
      / 3 received/.test(stdout) && !/duplicates/.test(stdout),
      'three sent, three received, none twice',
    );
  }

  stage.chapter('The VM serves a web page and a file to the user');
  await stage.type('vm', 'mkdir www && echo "<h1>Hello from far away</h1>" > www/index.html');
  await stage.type('vm', `head -c ${FILE_MEBIBYTES}M /dev/urandom > www/file`);
  await stage.type('vm', 'busybox httpd -p 80 -h www');
  const page = await stage.type('user', `curl -sS http://${vm}/`);
  stage.check(page.stdout.includes('Hello from far away'), 'the page arrived');
  await stage.type(
    'user',
    `curl -sS -o file -w '%{size_download} bytes, %{speed_download} a second\\n' http://${vm}/file`,
  );
  const sums = [await stage.type('vm', 'sha256sum < www/file'), await stage.type('user', 'sha256sum < file')];
  const [there, here] = sums.map(({ stdout }) => stdout.slice(0, 64));
  stage.check(there === here, `${FILE_MEBIBYTES} MiB crossed with equal SHA-256`);
}

async function counters(stage: Stage, handler: string): Promise<void> {
  stage.chapter('What crossed, asked for as a person would, with nc');
  const talk = 'printf \'HELLO password %s\\nHANDLERS?\\nDONE\\n\' "$VNET_PASSWORD" | nc -N 127.0.0.1 7411';
  const { stdout } = await stage.type('proxy', talk);
  const line = stdout.split('\n').find((text) => text.startsWith(`HANDLER ${handler} `)) ?? '';
  const count = (name: string) => Number(new RegExp(`\\b${name}=(\\d+)`).exec(line)?.[1] ?? 0);
  stage.check(/state=binary/.test(line), 'the Handler is in state binary');
  const enough = FILE_MEBIBYTES << 20;
  stage.check(count('rx_bytes') > enough && count('tx_frames') > 0, 'the counters saw the file cross');
}

async function close(stage: Stage, handler: string, vm: string): Promise<void> {
  stage.chapter('CLOSE: the VM is far away again');
  await stage.type('proxy', `vnet close ${handler}`);
  const after = await stage.type('user', `ping -n -c 2 -i 0.2 -W 1 ${vm}`, { fails: true });
  stage.check(/ 0 received/.test(after.stdout), 'no answer any more, as it should be');
  for (const machine of ['proxy', 'host']) {
    const { stdout } = await stage.type(machine, 'vnet handlers');
    stage.check(!stdout.includes(handler), `no Handler on the ${machine} any more`);
  }
}
