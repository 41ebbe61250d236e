/**
 * Calls everything that the addon has, as nobody should, until the time is over: `calls.ts SECONDS SEED [story]`. To be run in a
 * network namespace of its own, with the sanitizers (`run.ts` does that), which end the process where memory is used that
 * is not there. What comes back is held against what was promised besides. Prints one line of JSON: how often what was called.
 */
import { strict as assert } from 'node:assert';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import {
  type Addon,
  addon,
  type NativePacketSocket,
  type NativePort,
  type NativeTap,
  OUTCOME,
} from '../../../io/device/addon.ts';
import { projectFile } from '../../../io/project.ts';
import { HEADER_BYTES, payloadLength, recordEnd } from '../../../machines/frames/records.ts';
import { ip } from '../../suites/own-namespace.ts';
import { Dice } from '../mutate.ts';
import { anything, countRecords, exactly, hostileBatch } from './hostile.ts';

const [seconds = '1', seed = '1', story] = process.argv.slice(2);
const end = performance.now() + Number(seconds) * 1000;
const dice = new Dice(Number(seed));
const native = addon();
const folder = mkdtempSync(join(tmpdir(), 'vnet-calls-'));
const counts: Record<string, number> = {};

function count(what: string, times = 1): void {
  counts[what] = (counts[what] ?? 0) + times;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A port, what it leaves its outcomes in (unless that was let go) and what it is. */
interface Open {
  readonly kind: 'tap' | 'packet' | 'monitor';
  readonly port: NativePort;
  outcome: Int32Array | undefined;
  closed: boolean;
}

const TAP = 'fuzz0';
const MOST_PORTS = 12;
const open: Open[] = [];

function tapIndex(): number {
  return native.links(TAP)[0]?.ifindex ?? 0;
}

/** The interface that all this is about; a call may have deleted it. */
function standTap(): void {
  if (tapIndex() !== 0) return;
  ip(`tuntap add ${TAP} mode tap multi_queue vnet_hdr`);
  ip(`link set ${TAP} up`);
}

function openPort(kind: Open['kind']): void {
  standTap();
  const outcome = new Int32Array(OUTCOME.length + dice.below(3));
  const onReadable = dice.pick([
    () => undefined,
    () => readSome(dice.pick(open)),
    () => close(dice.pick(open)),
  ]);
  const port =
    kind === 'tap'
      ? new native.Tap(TAP, false, true, outcome, onReadable)
      : kind === 'packet'
        ? new native.PacketSocket(tapIndex(), outcome, onReadable)
        : new native.LinkMonitor(outcome, onReadable);
  open.push({ kind, port, outcome, closed: false });
}

/** TAPs at both ends of a pair of sockets; what is sent by the raw end now and then no kernel would say. */
function openPair(): void {
  const ends = native.socketPair(true);
  const datagram = exactly(dice.below(70_000)).fill(dice.below(256));
  native.sendNow(ends[0], datagram, false);
  for (const end of ends) {
    const outcome = new Int32Array(OUTCOME.length);
    const port = new native.Tap(end, false, false, outcome, () => readSome(dice.pick(open)));
    open.push({ kind: 'tap', port, outcome, closed: false });
  }
}

function close(one: Open | undefined): void {
  if (one === undefined) return;
  one.closed = true;
  one.port.close();
}

const CANARY = 0xa5;

/** A read into a part of a buffer: nothing outside of it may be touched, and inside stand whole records. */
function readSome(one: Open | undefined): void {
  if (one === undefined) return;
  const buffer = exactly(dice.pick([0, 100, 65_656, 140_000, 300_000])).fill(CANARY);
  const start = dice.below(Math.min(buffer.length + 1, 5000));
  const limit = start + dice.below(buffer.length - start + 1);
  one.port.read(buffer, start, limit);
  for (let at = 0; at < start; at++) assert.equal(buffer[at], CANARY, 'written to before the start');
  const behind = Math.min(buffer.length, limit + 5000);
  for (let at = limit; at < behind; at++) assert.equal(buffer[at], CANARY, 'written to behind the limit');
  if (one.outcome === undefined || one.kind === 'monitor') return;
  const stop = one.outcome[OUTCOME.end]!;
  assert.ok(stop >= start && stop <= limit, `the end ${stop} is not within ${start} and ${limit}`);
  let records = 0;
  for (let at = start; at < stop; at = recordEnd(buffer, at), records++) {
    assert.ok(at + HEADER_BYTES + payloadLength(buffer, at) <= stop, 'a record past the end');
  }
  assert.equal(records, one.outcome[OUTCOME.frames], 'another number of records than was told');
  count('frames read', records);
}

/** A batch; each record of it has one outcome. */
function writeSome(one: Open): void {
  const batch = hostileBatch(dice);
  one.port.write(batch, 0, batch.length);
  const { outcome } = one;
  if (outcome === undefined || one.kind === 'monitor') return;
  const [written, , badOffload, queueFull, refused] = outcome.subarray(OUTCOME.written);
  const { records, torn } = countRecords(batch);
  const expected = one.closed ? 0 : records + (torn ? 1 : 0);
  count('frames written', written!);
  count('frames refused', badOffload! + queueFull! + refused!);
  assert.equal(written! + badOffload! + queueFull! + refused!, expected, 'records without an outcome');
}

const METHODS: Readonly<Record<Open['kind'], readonly string[]>> = {
  tap: ['poll', 'read', 'write', 'setMtu', 'setOffload', 'persist', 'close'],
  packet: ['poll', 'read', 'write', 'setMtu', 'setFilter', 'setReceiveBuffer', 'drops', 'close'],
  monitor: ['poll', 'read', 'write', 'setMtu', 'close'],
};

type AnyCall = (this: unknown, ...args: unknown[]) => unknown;

const someValues = () => Array.from({ length: dice.below(6) }, () => anything(dice));

/** Any method with any arguments, now and then of another object. */
function callMethod(one: Open): void {
  const name = dice.pick(METHODS[one.kind]);
  const method = (one.port as unknown as Record<string, AnyCall>)[name]!;
  const self = dice.below(6) === 0 ? (dice.pick(open)?.port ?? anything(dice)) : one.port;
  const closes = name === 'close' && self === one.port;
  if (closes) one.closed = true;
  method.apply(self, someValues());
  const other = open.find(({ port }) => port === self);
  if (name === 'close' && other !== undefined) other.closed = true;
}

// ── What has no port ──

let threads = 0;
const MOST_THREADS = 16;
const sockets: Socket[] = [];
const fdOf = (socket: Socket | undefined) =>
  (socket as unknown as { _handle: { fd: number } | null } | undefined)?._handle?.fd ?? -1;
/** Of our own sockets, and of none. A write to another one of this process could say anything to anyone. */
const socketFd = () => dice.pick([fdOf(dice.pick(sockets)), fdOf(dice.pick(sockets)), -1, 5000, 2 ** 32 - 1]);
const file = openSync(join(folder, 'file'), 'w');

function waitForThread(start: (done: () => void) => void): void {
  if (threads >= MOST_THREADS) return;
  threads++;
  try {
    start(() => {
      threads--;
    });
  } catch (error) {
    threads--;
    throw error;
  }
}

/** An RTM_NEWLINK or an error of netlink, changed. */
function datagram(): Buffer {
  const made = exactly(dice.below(400)).fill(0);
  for (let at = 0; at < made.length; at++) if (dice.below(3) === 0) made[at] = dice.below(256);
  for (let at = 0; at + 16 <= made.length; at += 16 + 4 * dice.below(20)) {
    made.writeUInt32LE(dice.pick([0, 3, 15, 16, 32, 36, 60, made.length - at, made.length]), at);
    made.writeUInt16LE(dice.pick([16, 17, 2, 3]), at + 4);
    made.writeUInt16LE(dice.pick([0, 0x200, 0x100, 0x300]), at + 6);
    if (at + 40 <= made.length) {
      made.writeUInt16LE(dice.pick([0, 3, 4, 5, 12, 44, 400]), at + 32);
      made.writeUInt16LE(dice.pick([1, 3, 4, 10, 18, 23, 0x8012]), at + 34);
    }
  }
  return made;
}

type Functions = Exclude<keyof Addon, 'Tap' | 'PacketSocket' | 'LinkMonitor'>;

/** Everything that is exported, once with arguments that mean something. */
const FUNCTIONS: Readonly<Record<Functions, () => void>> = {
  sendNow: () => {
    native.sendNow(socketFd(), exactly(dice.below(70_000)), dice.below(2) === 0);
  },
  writeNow: () => void native.writeNow(dice.pick([file, -1, 5000, 2 ** 32 - 1]), exactly(dice.below(500))),
  joinSegments: () => {
    const batch = hostileBatch(dice);
    native.joinSegments(batch, dice.below(70_000), exactly(dice.below(2) * batch.length));
  },
  setReceiveLowat: () => native.setReceiveLowat(socketFd(), dice.pick([0, 1, 70_000, 2 ** 31, 2 ** 32 - 1])),
  setNotSentLowat: () => native.setNotSentLowat(socketFd(), dice.below(2 ** 31)),
  setCongestion: () => native.setCongestion(socketFd(), dice.pick(['bbr', 'cubic', '', 'x'.repeat(300)])),
  probeCongestion: () =>
    native.probeCongestion(dice.pick(['bbr', 'cubic', '', 'x'.repeat(15), 'x'.repeat(300)])),
  unsentBytes: () => void native.unsentBytes(dice.pick([socketFd(), dice.below(40)])),
  tcpInfo: () => void native.tcpInfo(dice.pick([socketFd(), dice.below(40)])),
  bindUnix: () => {
    const path = join(folder, 'u'.repeat(1 + dice.below(120)));
    closeSync(native.bindUnix(path, dice.below(2 ** 16)));
    rmSync(path);
  },
  lookUp: () =>
    waitForThread((done) => native.lookUp(dice.pick(['127.0.0.1', '::1', 'localhost', '', 'a..b']), done)),
  syncData: () => waitForThread((done) => native.syncData(dice.pick([file, -1, 5000]), done)),
  socketPair: () => native.socketPair(dice.below(2) === 0).forEach(closeSync),
  trimMemory: () => native.trimMemory(),
  links: () => void native.links(dice.pick<number | string>([0, 1, tapIndex(), 'lo', TAP, '', 'none'])),
  readLinks: () => void native.readLinks(datagram()),
  setLink: () =>
    native.setLink(tapIndex(), {
      mtu: dice.pick([0, 67, 68, 576, 1500, 9000, 65_521, 65_535, 2 ** 32 - 1]),
      txQueueLength: dice.below(2000),
      mac: dice.pick(['02:00:00:00:00:05', '', 'x', '1:2:3:4:5:6:7', 'ff:ff:ff:ff:ff:ff']),
      master: 0,
      up: dice.below(8) > 0,
    }),
  deleteLink: () => native.deleteLink(dice.pick([tapIndex(), 1, 2 ** 31, 12_345])),
  networkNamespace: () => void native.networkNamespace(),
};

/** Whose arguments would harm this process itself, or run threads without end. */
const NOT_AT_RANDOM = new Set([
  'socketPair',
  'sendNow',
  'lookUp',
  'syncData',
  'bindUnix',
  'deleteLink',
  'setLink',
]);

function callFunction(): void {
  const name = dice.pick(Object.keys(FUNCTIONS) as Functions[]);
  count(name);
  if (NOT_AT_RANDOM.has(name)) {
    // Nothing that could be right: there is one argument too few.
    if (dice.below(2) === 0) (native as unknown as Record<string, AnyCall>)[name]!(anything(dice));
    else FUNCTIONS[name]!();
  } else if (dice.below(3) > 0) FUNCTIONS[name]!();
  else (native as unknown as Record<string, AnyCall>)[name]!(...someValues());
}

// ── An environment that ends ──

const LEAVER = `
const { workerData } = require('node:worker_threads');
const { addon, ifindex, tap } = workerData;
const native = require(addon);
const outcome = new Int32Array(9);
const ports = [
  new native.LinkMonitor(outcome, () => undefined),
  new native.PacketSocket(ifindex, outcome, () => undefined),
  new native.Tap(tap, false, true, outcome, () => undefined),
];
for (const port of ports) port.poll(true);
native.lookUp('localhost', () => undefined);
native.syncData(2, () => undefined);
`;

/** A thread with ports in it, which ends by itself (its ports closed), by an exception, or from outside. */
function startWorker(): Promise<void> {
  standTap();
  const how = dice.pick(['for (const port of ports) port.close();', 'throw new Error("enough");', '']);
  const workerData = {
    addon: projectFile('io/device/native/build/Release/vnet.node'),
    ifindex: tapIndex(),
    tap: TAP,
  };
  const worker = new Worker(`${LEAVER}${how}`, { eval: true, workerData, execArgv: [] });
  worker.on('error', () => undefined);
  worker.once('online', () => {
    if (how === '') setTimeout(() => void worker.terminate(), dice.below(60));
  });
  count('worker');
  return new Promise((resolve) => worker.once('exit', () => resolve()));
}

// ── All of it ──

const ACTS: readonly [string, () => void][] = [
  ['open', () => openPort(dice.pick(['tap', 'tap', 'packet', 'packet', 'monitor']))],
  [
    'wrong open',
    () =>
      void new (
        dice.pick([native.Tap, native.PacketSocket, native.LinkMonitor]) as unknown as new (
          ...args: unknown[]
        ) => unknown
      )(...someValues()),
  ],
  ['open a pair', openPair],
  ...repeat(8, 'write', () => writeSome(dice.pick(open))),
  ...repeat(8, 'read', () => readSome(dice.pick(open))),
  ...repeat(3, 'method', () => callMethod(dice.pick(open))),
  ...repeat(3, 'function', callFunction),
  ['mtu', () => dice.pick(open).port.setMtu(dice.pick([0, 68, 576, 1500, 9000, 65_535, 2 ** 32 - 1]))],
  ['offload', () => (find('tap') as NativeTap | undefined)?.setOffload(dice.below(3) > 0)],
  [
    'filter',
    () =>
      (find('packet') as NativePacketSocket | undefined)?.setFilter(dice.below(2) === 0 ? null : datagram()),
  ],
  [
    'close',
    () => {
      close(dice.pick(open));
    },
  ],
  // The array goes, the port stays: it has to keep what it writes to.
  [
    'let go of the outcome',
    () => {
      dice.pick(open).outcome = undefined;
    },
  ],
  [
    'forget a port',
    () => {
      open.splice(dice.below(open.length), 1);
    },
  ],
];

function repeat(times: number, name: string, act: () => void): [string, () => void][] {
  return Array.from({ length: times }, () => [name, act]);
}

function find(kind: Open['kind']): NativePort | undefined {
  return open.find((one) => one.kind === kind)?.port;
}

/** What may be thrown at a caller: never a broken promise. */
function call(name: string, act: () => void): void {
  if (story !== undefined) writeSync(2, `${name}\n`);
  count(name);
  try {
    act();
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    count('thrown');
    if (story !== undefined) writeSync(2, `  ${(error as Error).message}\n`);
  }
}

async function pairOfSockets(): Promise<() => void> {
  const server = createServer((socket) => sockets.push(socket.on('error', () => undefined).resume()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  sockets.push(
    connect(port, '127.0.0.1')
      .on('error', () => undefined)
      .resume(),
  );
  return () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
}

const closeSockets = await pairOfSockets();
let worker = Promise.resolve();
let working = false;
for (let round = 0; performance.now() < end; round++) {
  for (let i = 0; i < 50; i++) {
    if (open.length < 2) openPort(dice.pick(['tap', 'packet']));
    const [name, act] = dice.pick(ACTS);
    if (!name.startsWith('open') || open.length < MOST_PORTS) call(name, act);
  }
  if (round % 20 === 19) collectGarbage();
  if (round % 60 === 30 && !working) {
    working = true;
    worker = startWorker().then(() => {
      working = false;
    });
  }
  // Polls, closes and ends of threads have their turn.
  await new Promise((resolve) => setImmediate(resolve));
}
await worker;
for (const { port } of open) port.close();
closeSockets();
closeSync(file);
rmSync(folder, { recursive: true });
process.stdout.write(`${JSON.stringify(counts)}\n`);
