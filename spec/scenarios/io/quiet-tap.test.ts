// runner: waits
/**
 * A TAP that the server makes is a port of the tunnel: this machine says nothing of its own by IPv6 on the far segment, and
 * takes nothing from there, unless it was asked for with `ip=on`.
 *
 *     [s] tq (quiet) ══ vq ─── eth0 [q]
 *         ti (ip=on) ══ vi ─── eth0 [i]      the server dials itself
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from '../../../tools/lab/lab.ts';
import { ensurePrivileges, tapPossible } from '../../../tools/lab/privilege.ts';
import { SECRET, VnetServer } from '../../../tools/lab/server.ts';
import { sendFrames, sniff, sniffed } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

await ensurePrivileges();

const test = suite('a TAP that speaks no IPv6');
let lab: Lab;
let server: VnetServer;

test.before(async () => {
  lab = new Lab();
  await lab.addNamespaces('s', 'q', 'i');
  // As most machines have it.
  await lab.run('s', ['sh', '-c', 'echo 1 >/proc/sys/net/ipv6/conf/default/accept_dad']);
  for (const name of ['q', 'i']) {
    await lab.addCable({ ns: 's', dev: `v${name}` }, { ns: name, dev: 'eth0' });
    await lab.addBridge('s', `br${name}`);
  }
  server = new VnetServer(lab, { ns: 's', name: 's', listen: 'tcp://127.0.0.1:7413' });
  await server.start();
});
test.after(async () => {
  await server?.stop();
  lab?.close();
});

/** Two Handlers, the quiet one first, each with a TAP on one side. @returns them */
async function handlers(options: { readonly bridge?: boolean; readonly mtu?: string }): Promise<string[]> {
  const ids: string[] = [];
  for (const [name, ip] of [
    ['q', ''],
    ['i', 'ip=on'],
  ] as const) {
    const all = [ip, options.bridge ? `bridge=br${name}` : '', options.mtu ?? ''].filter(
      (each) => each !== '',
    );
    const tap = `"tap:t${name}${all.length > 0 ? '?' : ''}${all.join('&')}"`;
    ids.push(
      await server.handle(
        `tcp://127.0.0.1:7412 password:${SECRET} ${tap} packet:v${name} BRIDGE BRIDGE * announce=off`,
      ),
    );
  }
  return ids;
}

const mac = async (dev: string): Promise<string> =>
  ((await lab.link('s', dev)).address as string).replaceAll(':', '');

/** IPv6 of that address as source: ICMPv6 types, or -1 of what is something else. */
function heard(ear: Awaited<ReturnType<typeof sniff>>, source: string): number[] {
  return sniffed(ear)
    .filter((hex) => hex.slice(12, 24) === source && hex.slice(24, 28) === '86dd')
    .map((hex) => {
      // MLD comes behind a hop-by-hop header of 8 bytes.
      const [next, at] = hex.slice(40, 42) === '00' ? [hex.slice(108, 110), 124] : [hex.slice(40, 42), 108];
      return next === '3a' ? Number.parseInt(hex.slice(at, at + 2), 16) : -1;
    });
}

const ROUTER_SOLICITATION = 133;
const MLD2_REPORT = 143;

/** A router advertisement (RFC 4861, 4.2) with a prefix, from fe80::99, for half an hour. */
function advertisement(): string {
  const source = 'fe800000000000000000000000000099';
  const everybody = 'ff020000000000000000000000000001';
  const prefix = '030440c0000007080000070800000000fd990000000000000000000000000000';
  const message = (checksum: string) => `8600${checksum}400007080000000000000000${prefix}`;
  const length = (message('0000').length / 2).toString(16).padStart(4, '0');
  const summed = `${source}${everybody}0000${length}0000003a${message('0000')}`;
  let sum = 0;
  for (let at = 0; at < summed.length; at += 4) sum += Number.parseInt(summed.slice(at, at + 4), 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  const checksum = (0xffff - sum).toString(16).padStart(4, '0');
  return `333300000001${'020000000099'}86dd60000000${length}3aff${source}${everybody}${message(checksum)}`;
}

const reports = tapPossible() ? test : test.skip;

const CASES = [
  { name: 'alone', options: {}, forwarding: 0 },
  { name: 'as a port of a bridge', options: { bridge: true }, forwarding: 0 },
  { name: 'on a router', options: {}, forwarding: 1 },
] as const;

for (const { name, options, forwarding } of CASES) {
  reports(`${name}: nothing is sent, and no route is taken`, async () => {
    const write = `echo ${forwarding} >/proc/sys/net/ipv6/conf/all/forwarding; echo ${forwarding} >/proc/sys/net/ipv6/conf/default/forwarding`;
    await lab.run('s', ['sh', '-c', write]);
    const [quiet, other] = [await sniff(lab, 'q', 'eth0', '86dd'), await sniff(lab, 'i', 'eth0', '86dd')];
    const ids = await handlers(options);
    try {
      const [tq, ti] = [await mac('tq'), await mac('ti')];
      // The other one was made later and is as ever: when it has said all, the quiet one would have, too.
      const last = forwarding === 1 ? MLD2_REPORT : ROUTER_SOLICITATION;
      const said = (wanted: number) => heard(other, ti).filter((type) => type === wanted).length;
      await waitUntil(() => said(MLD2_REPORT) > 1 && said(last) > 0, { what: 'what a TAP says of its own' });
      assert.equal(heard(quiet, tq), []);
      for (const [ns] of [['q'], ['i']] as const) await sendFrames(lab, ns, 'eth0', [advertisement()]);
      if (forwarding === 0 && !('bridge' in options)) {
        const routes = async (dev: string) =>
          (await lab.run('s', ['ip', '-6', 'route', 'show', 'dev', dev])).stdout;
        await waitUntil(async () => (await routes('ti')).includes('default'), {
          what: 'a route, where it may be',
        });
        assert.is(await routes('tq'), '');
      }
      assert.equal(heard(quiet, tq), []);
    } finally {
      for (const id of ids) await server.must(`CLOSE ${id}`);
    }
    await server.waitForHandlers([]);
    for (const ear of [quiet, other]) await ear.kill();
  });
}

reports('an address that is set on it is good all the same', async () => {
  await lab.run('s', ['sh', '-c', 'echo 0 >/proc/sys/net/ipv6/conf/all/forwarding']);
  const ids = await handlers({});
  await lab.ip('s', 'address add fd88::1/64 dev tq nodad');
  await lab.ip('q', 'address add fd88::2/64 dev eth0 nodad');
  await lab.run('q', ['ping', '-6', '-n', '-c', '1', '-w', '5', 'fd88::1']);
  for (const id of ids) await server.must(`CLOSE ${id}`);
  await server.waitForHandlers([]);
});

test.run();
