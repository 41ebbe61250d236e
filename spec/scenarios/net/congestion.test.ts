// runner: waits
/**
 * By which congestion control wires send, and what a server tells of them:
 *
 *     near [10.9.0.1, tap0] ── vnet ══ line ══ vnet ── [10.9.0.2, tap0] far
 *
 * The default in both namespaces is Reno, which every kernel allows there.
 */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogEvent } from '../../../machines/log/record.ts';
import { Lab } from '../../../tools/lab/lab.ts';
import { Line } from '../../../tools/lab/line.ts';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { runCommand } from '../../../tools/lab/program.ts';
import { SECRET, VnetServer, vnet } from '../../../tools/lab/server.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

await ensurePrivileges();

const test = suite('congestion control of wires');
/** Milliseconds each way. */
const LONG = 15;
const ENDS = [
  { ns: 'near', address: '10.9.0.1' },
  { ns: 'far', address: '10.9.0.2' },
] as const;
let lab: Lab;
let line: Line;

/** What the kernel has, and what it allows without CAP_NET_ADMIN, in every namespace alike. */
const [available = [], allowed = []] = ['available', 'allowed'].map((which) =>
  readFileSync(`/proc/sys/net/ipv4/tcp_${which}_congestion_control`, 'utf8').split(/\s+/),
);
const withBbr = available.includes('bbr') ? test : test.skip;
const withCubicKeptBack = available.includes('cubic') && !allowed.includes('cubic') ? test : test.skip;

test.before(async () => {
  lab = new Lab();
  await lab.addNamespaces('near', 'far');
  const [one, other] = ENDS.map(({ ns, address }) => ({ ns, dev: 'wan0', addresses: [`${address}/24`] }));
  line = await Line.lay(lab, one!, other!);
  for (const { ns } of ENDS) {
    await lab.run(ns, ['sh', '-c', 'echo reno >/proc/sys/net/ipv4/tcp_congestion_control']);
  }
});
test.after(() => lab.close());

interface Pair {
  readonly near: VnetServer;
  readonly far: VnetServer;
  /** Remote and `<auth>` of a HANDLE that `near` is told. */
  readonly remote: string;
}

let pairs = 0;

async function pairOf(scheme: 'tcp' | 'tls', args: readonly string[] = []): Promise<Pair> {
  const port = 7420 + pairs++;
  const [near, far] = ENDS.map(
    ({ ns, address }) =>
      new VnetServer(lab, {
        ns,
        name: `${ns}${port}`,
        listen: `${scheme}://${address}:${port}`,
        args: ['--allow-plaintext', ...args],
      }),
  ) as [VnetServer, VnetServer];
  await Promise.all([near.makeKey(), far.makeKey()]);
  near.authorize(far);
  far.authorize(near);
  await Promise.all([near.start(), far.start()]);
  const url = `${scheme}://${ENDS[1].address}:${port}`;
  const remote = scheme === 'tls' ? `${url}?pin=${far.fingerprint} cert` : `${url} password:${SECRET}`;
  return { near, far, remote };
}

const stop = ({ near, far }: Pair) => Promise.all([near.stop(), far.stop()]);

/** What STATS? says of the wires, by name. */
async function wireStats(server: VnetServer, id: string): Promise<Record<string, string>> {
  const { data } = await server.must(`STATS? ${id}`);
  const words = data.map((one) => one.split(' ')).filter(([, name]) => name?.startsWith('wire'));
  return Object.fromEntries(words.map(([, name = '', value = '']) => [name, value]));
}

async function congestion(server: VnetServer, id: string): Promise<string[]> {
  const all = Object.entries(await wireStats(server, id));
  return all.filter(([name]) => name.endsWith('_congestion')).map(([, value]) => value);
}

/** Waits until both ends have these, a wire each. */
async function expectBoth({ near, far }: Pair, id: string, wanted: readonly string[]): Promise<void> {
  for (const server of [near, far]) {
    await waitUntil(
      async () => {
        const now = await congestion(server, id);
        if (now.join() === wanted.join()) return true;
        throw new Error(`${server.name} has [${now.join()}]`);
      },
      { what: `[${wanted.join()}] at ${server.name}`, deadline: 20_000, every: 200 },
    );
  }
}

for (const scheme of ['tcp', 'tls'] as const) {
  withBbr(
    `${scheme}: BBR on a long way, on every wire and at both ends, and the kernel's own on a short one`,
    async () => {
      const pair = await pairOf(scheme);
      await line.set({ delay: 0 });
      const short = await pair.near.handle(`${pair.remote} tap:a${scheme} tap:b${scheme} BRIDGE BRIDGE *`);
      await expectBoth(pair, short, ['reno']);
      await pair.near.must(`CLOSE ${short}`);
      await line.set({ delay: LONG });
      const long = await pair.near.handle(
        `${pair.remote} tap:c${scheme} tap:d${scheme} BRIDGE BRIDGE * wires=3`,
      );
      await expectBoth(pair, long, ['bbr', 'bbr', 'bbr']);
      const told = await wireStats(pair.near, long);
      for (const wire of [0, 1, 2]) {
        assert.ok(Number(told[`wire${wire}_rtt_us`]) >= 2_000 * LONG, JSON.stringify(told));
        for (const name of ['retransmitted', 'unsent', 'delivery_rate']) {
          assert.match(told[`wire${wire}_${name}`] ?? '', /^\d+$/, name);
        }
      }
      await stop(pair);
    },
  );
}

test('--congestion default leaves the kernel its own, a name is for a short way too, --wires for how many', async () => {
  await line.set({ delay: LONG });
  const own = await pairOf('tcp', ['--congestion', 'default', '--wires', '2', '--spread-rtt', '10']);
  const id = await own.near.handle(`${own.remote} tap:e0 tap:e1 BRIDGE BRIDGE *`);
  await expectBoth(own, id, ['reno', 'reno']);
  await stop(own);
  await line.set({ delay: 0 });
  const named = await pairOf('tcp', ['--congestion', 'cubic', '--wires-granted', '1']);
  const other = await named.near.handle(`${named.remote} tap:f0 tap:f1 BRIDGE BRIDGE *`);
  await expectBoth(named, other, ['cubic']);
  await stop(named);
});

test('a wire that breaks leaves in the log what the kernel knew of it', async () => {
  await line.set({ delay: LONG });
  const pair = await pairOf('tcp', ['--wires', '1']);
  const id = await pair.near.handle(`${pair.remote} tap:g0 tap:g1 BRIDGE BRIDGE *`);
  await pair.near.waitForHandlers(['binary']);
  await pair.far.crash();
  await pair.near.waitForHandlers(['unauthenticated']);
  const lost = pair.near
    .records()
    .map(({ event }) => event as LogEvent & { tcp?: Record<string, number> })
    .find(({ type }) => type === 'wire-lost');
  assert.ok((lost?.tcp?.rttMicros ?? 0) >= 2_000 * LONG, JSON.stringify(lost));
  assert.type(lost?.tcp?.retransmitted, 'number');
  assert.type(lost?.tcp?.unacknowledged, 'number');
  const told = new RegExp(`"handler":"${id}","wire":0,.*"rtt_us":\\d+,.*"msg":"a wire broke"`);
  assert.match(pair.near.program?.stderr ?? '', told);
  await pair.near.stop();
  const { status, stdout } = await pair.near.replay();
  assert.is(status, 0, stdout);
});

/** A server that is not to start: `setpriv` and the like, then its further options. */
const refused = (before: readonly string[], ...options: string[]) => {
  const args = ['serve', '--listen', `unix://${lab.folder}/refused`, '--log', `${lab.folder}/refused-log`];
  return runCommand([...before, ...vnet(...args, ...options)], { anyStatus: true, timeout: 20_000 });
};

test('a name that cannot be had is refused at the start, with a word', async () => {
  const unknown = await refused([], '--congestion', 'nonsense');
  assert.is(unknown.status, 1);
  assert.match(unknown.stderr, /--congestion nonsense: the kernel has no congestion control "nonsense"/);
  const wires = await refused([], '--wires', '9');
  assert.is(wires.status, 2);
});

withCubicKeptBack('without CAP_NET_ADMIN only what is allowed may be had', async () => {
  const bare = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'];
  const forbidden = await refused(bare, '--congestion', 'cubic');
  assert.is(forbidden.status, 1);
  assert.match(forbidden.stderr, /is not allowed to this process: it needs CAP_NET_ADMIN/);
});

test.run();
