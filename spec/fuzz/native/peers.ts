/**
 * Plays peers that mean no good to a server that runs with the sanitizers: `peers.ts SECONDS SEED`, in a network namespace of
 * its own (`run.ts` does that). Each is the initiator of a Handler on one of
 *
 *     tap:pt0     packet:pk0 ──── veth ──── pk1     pcap:pc0 ──── veth ──── pc1
 *
 * over tcp or tls, with super-frames or without; it sends changed frames in pieces, stops reading, breaks the protocol, goes away, while
 * frames of the same kind are put on the other side of the device. All the while the server has to answer others, and every
 * frame must have its counter. Prints one line of JSON: how many Handlers and records there were.
 */
import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keygen } from '../../../io/auth/certificates.ts';
import { addon, type NativePacketSocket, OUTCOME } from '../../../io/device/addon.ts';
import { FRAME, HEADER_BYTES, OFFLOAD } from '../../../machines/frames/records.ts';
import { Program } from '../../../tools/lab/program.ts';
import { vnet } from '../../../tools/lab/server.ts';
import { ip, veth } from '../../suites/own-namespace.ts';
import { Dice } from '../mutate.ts';
import { exactly, hostileBatch, hostileRecord, record } from './hostile.ts';
import { Peer } from './peer.ts';
import { reportIn, sanitizedEnvironment } from './sanitizers.ts';

const [seconds = '1', seed = '1'] = process.argv.slice(2);
const end = performance.now() + Number(seconds) * 1000;
const dice = new Dice(Number(seed));
const folder = mkdtempSync(join(tmpdir(), 'vnet-peers-'));
const SECRET = 'correct-horse-7';
/** Of the frames that are changed. */
const MACS = '52:54:00:00:00:02 52:54:00:00:00:01';

const BACKENDS = [
  { device: 'tap:pt0', opposite: 'pt0' },
  { device: 'packet:pk0', opposite: 'pk1' },
  { device: 'pcap:pc0', opposite: 'pc1' },
] as const;
type Backend = (typeof BACKENDS)[number];

interface Plan {
  readonly backend: Backend;
  readonly scheme: 'tcp' | 'tls';
  readonly offload: boolean;
}
const PLANS: readonly Plan[] = [true, false].flatMap((offload) =>
  (['tcp', 'tls'] as const).flatMap((scheme) => BACKENDS.map((backend) => ({ backend, scheme, offload }))),
);

const counts = { handlers: 0, records: 0, put: 0, ended: 0 };
const ports = { tcp: await freePort(), tls: await freePort() };

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startServer(): Promise<Program> {
  await keygen(folder, 'fuzzed');
  const command = [
    ...vnet('serve', '--name', 'fuzzed'),
    ...['--listen', `tcp://127.0.0.1:${ports.tcp}`, '--listen', `tls://127.0.0.1:${ports.tls}`],
    ...['--cert', join(folder, 'fuzzed.crt'), '--key', join(folder, 'fuzzed.key')],
    ...['--log', join(folder, 'log')],
  ];
  const env = { ...process.env, ...sanitizedEnvironment(), VNET_PASSWORD: SECRET };
  const server = new Program('the server', command, { env });
  await server.waitFor(/^READY /m, 60_000);
  return server;
}

async function login(scheme: Plan['scheme']): Promise<Peer> {
  const peer = new Peer(scheme, ports[scheme]);
  assert.match(await peer.greeting(), /^OK VNET/);
  assert.match(await peer.ask(`HELLO password ${SECRET}`), /^OK/);
  return peer;
}

const hexDigits = () => Array.from({ length: 32 }, () => dice.below(16).toString(16)).join('');

function beginLine(id: string, { backend, offload }: Plan): string {
  const bridge = dice.below(3) > 0;
  const roles = bridge ? 'BRIDGE BRIDGE *' : `${dice.pick(['HOST PROXY', 'PROXY HOST'])} ${MACS}`;
  const mtu = dice.pick([68, 576, 1400, 1500, 9000, 65_521]);
  const caps = dice.pick(['', ' rate=1M', ' bcast-rate=10', ' l2cp=on', ' announce=off']);
  return `BEGIN ${id} ${backend.device} far0 ${roles} offload=${offload ? 'on' : 'off'} mtu=${mtu}${caps}`;
}

/** What a peer may send, however wrong the frame in it is. */
function isLegal(bytes: Buffer, offload: boolean): boolean {
  const [type, length] = [bytes[0]!, bytes.length - HEADER_BYTES];
  if (type >= 0x80) return true;
  if (type === FRAME) return length >= 14;
  return type === OFFLOAD && offload && length >= 26 && length <= 12 + 65_575;
}

/** @returns how many frames were sent */
function sendRecords(peer: Peer, offload: boolean): number {
  const types = offload ? [FRAME, OFFLOAD, OFFLOAD, 0x80] : [FRAME, FRAME, FRAME, 0xff];
  const records = Array.from({ length: 1 + dice.below(60) }, () => hostileRecord(dice, types)).filter(
    (bytes) => isLegal(bytes, offload),
  );
  peer.send(Buffer.concat(records), dice.pick([1000, 17_000, 1 << 20]));
  counts.records += records.length;
  return records.filter(([type]) => type === FRAME || type === OFFLOAD).length;
}

/** Frames of the same kind from the other side. */
const injectors = new Map<string, NativePacketSocket>();
const outcome = new Int32Array(OUTCOME.length);

function putFrames({ opposite }: Backend): void {
  const link = addon().links(opposite)[0];
  if (link === undefined) return;
  let injector = injectors.get(`${link.ifindex}`);
  if (injector === undefined) {
    injector = new (addon().PacketSocket)(link.ifindex, outcome, () => undefined);
    // It is to hear nothing: `ret #0`.
    injector.setFilter(Buffer.from('0600000000000000', 'hex'));
    injectors.set(`${link.ifindex}`, injector);
  }
  const batch = hostileBatch(dice);
  injector.write(batch, 0, batch.length);
  counts.put += outcome[OUTCOME.written]!;
}

/** Ways to end a Handler; those that break the protocol have to be answered by BYE `protocol-error`. */
const ENDS: readonly ((peer: Peer, offload: boolean) => Promise<void>)[] = [
  async (peer) => peer.end(),
  async (peer) => peer.reset(),
  async (peer, offload) => {
    peer.send(dice.pick(wrongRecords(offload)), dice.pick([1, 7, 1 << 20]));
    await peer.over('the end of a Handler whose peer broke the protocol');
    assert.equal(peer.bye, 'protocol-error');
  },
];

function wrongRecords(offload: boolean): readonly Buffer[] {
  const lengths = (type: number, length: number) => {
    const header = exactly(HEADER_BYTES);
    header.writeUInt32BE(type * 2 ** 24 + length);
    return header;
  };
  return [
    record(FRAME, exactly(13)),
    record(0x05, exactly(1)),
    record(0x02, exactly(9)),
    lengths(0x90, 0xffffff),
    lengths(FRAME, 131_073),
    offload ? lengths(OFFLOAD, 12 + 65_576) : record(OFFLOAD, exactly(100)),
    record(OFFLOAD, exactly(25)),
  ];
}

/** STATS? of a Handler. */
async function statsOf(watcher: Peer, id: string): Promise<Record<string, number>> {
  const { last, data } = await watcher.askAll(`STATS? ${id}`);
  assert.match(last, /^OK/);
  return Object.fromEntries(data.map((line) => [line.split(' ')[1], Number(line.split(' ')[2])]));
}

/** Every frame that came has its counter. */
async function addsUp(watcher: Peer, id: string, sent: number): Promise<void> {
  const stats = await statsOf(watcher, id);
  const sumOf = (prefix: string) =>
    Object.entries(stats).reduce((sum, [name, value]) => (name.startsWith(prefix) ? sum + value : sum), 0);
  assert.equal(stats.rx_seen, sent, 'frames that were sent, and frames that were seen');
  for (const way of ['rx', 'tx']) {
    assert.equal(stats[`${way}_seen`], stats[`${way}_frames`]! + sumOf(`${way}_dropped_`), `${way} adds up`);
  }
}

async function attack(watcher: Peer, plan: Plan): Promise<void> {
  const peer = await login(plan.scheme);
  const id = hexDigits();
  const answer = await peer.begin(beginLine(id, plan));
  assert.match(answer, /^OK handler=/, `${plan.backend.device} over ${plan.scheme}`);
  const offload = plan.offload && / offload=on/.test(answer);
  counts.handlers++;
  let sent = 0;
  for (let turns = 1 + dice.below(5); turns > 0; turns--) {
    if (dice.below(4) === 0) peer.stopReading();
    sent += sendRecords(peer, offload);
    putFrames(plan.backend);
    assert.match(await watcher.ask('STATUS?'), /^OK/);
  }
  assert.ok(
    await peer.isRead(),
    `the Handler ended, with BYE ${peer.bye}, though nothing was wrong but frames`,
  );
  await addsUp(watcher, id, sent);
  await dice.pick(ENDS)(peer, offload);
  await watcher.ask(`CLOSE ${id}`);
  counts.ended++;
  peer.reset();
}

veth('pk0', 'pk1');
veth('pc0', 'pc1');
for (const dev of ['pk0', 'pk1', 'pc0', 'pc1']) ip(`link set ${dev} mtu 9000`);
ip('link set lo up');
const server = await startServer();
try {
  const watcher = await login('tcp');
  for (let round = 0; performance.now() < end || round < PLANS.length; round++) {
    await attack(watcher, PLANS[round % PLANS.length]!);
  }
  watcher.reset();
  assert.equal(await server.stop(20_000), 0, `it did not end well\n${server.tail()}`);
} catch (error) {
  await server.kill();
  const found = reportIn(server.stderr);
  if (found !== undefined) process.stderr.write(`${found}\n`);
  throw new Error(`seed ${seed}: ${server.tail()}`, { cause: error });
} finally {
  for (const injector of injectors.values()) injector.close();
  rmSync(folder, { recursive: true, force: true });
}
assert.equal(reportIn(server.stderr), undefined);
assert.ok(!server.stderr.includes('"level":"error"'), server.stderr);
process.stdout.write(`${JSON.stringify(counts)}\n`);
