/** What floods cost the disk: a wire that flaps, strangers without end, strangers that say much. By the virtual clock. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Entry, Recorder } from '../../actors/recorder/recorder.ts';
import { UnauthenticatedSessions } from '../../actors/recorder/unauthenticated.ts';
import { sha256 } from '../../io/journal/digest.ts';
import { VirtualClock } from '../../io/memory/clock.ts';
import { MemoryDiagnostics } from '../../io/memory/diagnostics.ts';
import { MemoryJournal } from '../../io/memory/journal.ts';
import { MACHINES, sessionDefinition } from '../../machines/index.ts';
import { CREATED, type LogEvent, type LogRecord } from '../../machines/log/record.ts';
import { foldLog } from '../../machines/log/replay.ts';
import { handle, pair } from '../support/pair.ts';
import { MemoryWorld } from '../support/world.ts';
import { alone, stranger } from './scripts/script.ts';

const test = suite('floods');
const MB = 1_000_000;

const bytesOf = (journal: MemoryJournal): number =>
  journal.segments.reduce((sum, { bytes }) => sum + bytes, 0);

for (const [name, macs] of [
  ['one MAC address', '52:54:00:00:00:01'],
  [
    '300 MAC addresses',
    Array.from({ length: 300 }, (_, n) => `52:54:00:00:${hex(n >> 8)}:${hex(n & 255)}`).join(' '),
  ],
] as const) {
  test(`a wire that flaps for an hour costs under 2 MB at either end: ${name}`, async () => {
    const world = new MemoryWorld();
    const { host, proxy, client } = await pair(world);
    await handle(client, { macs });
    await client.ask('DONE');
    const before = [host, proxy].map(({ journal }) => bytesOf(journal));
    // Five minutes, at the beginning of which it dials more often than later.
    const MINUTES = 5;
    let breaks = 0;
    for (let second = 0; second < MINUTES * 60; second++) {
      await world.elapse(1_000);
      const [handler] = proxy.server.handlers.all();
      if (handler?.context.heard !== true) continue;
      world.internet.between(host.host, proxy.host).at(-1)?.wire.reset();
      breaks++;
    }
    assert.ok(breaks > MINUTES * 5, `${breaks} breaks`);
    for (const [index, { name, journal }] of [host, proxy].entries()) {
      const hour = (bytesOf(journal) - before[index]!) * (60 / MINUTES);
      assert.ok(hour < 2 * MB, `${name}: ${hour} bytes an hour`);
    }
    await world.finish();
  });
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

/** A recorder with strangers, on a clock of its own. */
function room() {
  const clock = new VirtualClock();
  const store = new MemoryJournal(() => clock.now());
  const diagnostics = new MemoryDiagnostics();
  const options = { store, clock, digest: sha256, boot: 'b', diagnostics, sync: 'never' } as const;
  const recorder = new Recorder({ ...options, schedule: (flush) => void clock.after(0, flush) });
  const strangers = new UnauthenticatedSessions(recorder, clock);
  return { clock, store, recorder, strangers };
}

/** Some strangers a second, each of which does the same. */
function flood(seconds: number, perSecond: number, events: readonly LogEvent[]) {
  const { clock, store, strangers } = room();
  const steps = life(events);
  let sessions = 0;
  for (let second = 0; second < seconds; second++) {
    for (let each = 0; each < perSecond; each++) {
      const actor = `session:${sessions++}`;
      for (const step of steps) strangers.commit({ ...step, actor }, () => undefined, '192.0.2.1');
    }
    clock.advance(1_000);
  }
  strangers.flush();
  clock.advance(1_000);
  return { store, sessions };
}

/** The entries of one stranger, the same for all of them: what they cost is all that counts here. */
function life(events: readonly LogEvent[]): readonly Omit<Entry, 'actor'>[] {
  const limits = { hello: 10_000, idle: 600_000, failedHellos: 3 };
  const input = {
    id: '0'.repeat(16),
    scheme: 'tcp',
    peer: '192.0.2.1:40000',
    address: '192.0.2.1',
    methods: ['password'],
    limits,
  };
  const { name: machine, version, initial, next } = sessionDefinition;
  let snapshot = initial(input);
  const entries: Omit<Entry, 'actor'>[] = [
    {
      machine,
      version,
      event: { type: CREATED, input },
      from: '',
      to: snapshot.value,
      snapshot,
    },
  ];
  for (const event of events) {
    const from = snapshot.value;
    assert.is(snapshot.status, 'active', 'the stranger does nothing behind its end');
    snapshot = next(snapshot, event);
    entries.push({ machine, version, event, from, to: snapshot.value, snapshot });
  }
  return entries;
}

const FAILED_HELLO = [
  { type: 'HELLO', args: { method: 'password', identity: 'default', secret: 'secret:1' } },
  { type: 'rejected', reason: 'authentication-failed' },
];
const BAD_LINE = { type: 'bad-line', reason: 'syntax', length: 9 };
const END = { type: 'end' };

/** What strangers do, and what a day of it may cost at most, however many they are. */
const STRANGERS = [
  ['fail three times', [...FAILED_HELLO, ...FAILED_HELLO, ...FAILED_HELLO], 3_200 * MB],
  ['say a hundred bad lines', [...Array.from({ length: 100 }, () => BAD_LINE), END], 3_200 * MB],
] as const;

for (const [what, events, aDay] of STRANGERS) {
  test(`strangers that ${what}: ten a second are whole, all are accounted for, more of them cost no more`, () => {
    const SECONDS = 24;
    const costs = [20, 120].map((perSecond) => {
      const { store, sessions } = flood(SECONDS, perSecond, events);
      const records = store.lines.map((line) => JSON.parse(line) as LogRecord);
      const whole = records.filter(({ event }) => event.type === CREATED).length;
      const counted = records.filter(({ event }) => event.type === 'counted');
      const sum = counted.reduce((sum, { event }) => sum + (event.sessions as number), 0);
      assert.is(whole + sum, sessions);
      // One that says much stands for several (actors/recorder/unauthenticated.ts).
      const most = Math.ceil((SECONDS * 10) / Math.ceil((events.length + 1) / 8));
      assert.ok(whole >= most && whole <= most + 10, `${whole} were recorded whole, not ${most}`);
      assert.ok(counted.length <= SECONDS, `${counted.length} counted records`);
      assert.is(foldLog(store.lines, MACHINES, sha256).verdict.kind, 'ok');
      return bytesOf(store);
    });
    const [few, many] = costs as [number, number];
    assert.ok((many / SECONDS) * 86_400 < aDay, `${(many / SECONDS) * 86_400} bytes a day`);
    assert.ok(many < few * 1.05, `${few} bytes at 20 a second, ${many} at 120`);
  });
}

test('strangers that say nothing: the first of an address is whole, all are accounted for', () => {
  const { store, sessions } = flood(24, 120, [END]);
  const records = store.lines.map((line) => JSON.parse(line) as LogRecord);
  assert.is(records.filter(({ event }) => event.type === CREATED).length, 1);
  const counted = records.filter(({ event }) => event.type === 'counted');
  assert.is(
    counted.reduce((sum, { event }) => sum + (event.sessions as number), 1),
    sessions,
  );
  assert.is(counted.length, 3, 'a thousand are told of at once');
  assert.is(foldLog(store.lines, MACHINES, sha256).verdict.kind, 'ok');
});

test('a probe every two seconds, from three addresses in turn, costs under 100 kB a day', () => {
  const { clock, recorder, strangers, store } = room();
  const steps = life([END]);
  let probes = 0;
  for (; probes < 43_200; probes++) {
    for (const step of steps)
      strangers.commit({ ...step, actor: `session:${probes}` }, () => undefined, `192.0.2.${probes % 3}`);
    clock.advance(2_000);
  }
  strangers.flush();
  clock.advance(1_000);
  assert.ok(bytesOf(store) < 100_000, `${bytesOf(store)} bytes`);
  const events = store.lines.map((line) => (JSON.parse(line) as LogRecord).event);
  const counted = events.filter(({ type }) => type === 'counted');
  const sum = counted.reduce((sum, { sessions }) => sum + (sessions as number), 0);
  assert.is(sum + events.filter(({ type }) => type === CREATED).length, probes);
  assert.is(recorder.status, 'ok');
});

test('a million failed logins, a thousand a second, cost under 50 MB', () => {
  const SECONDS = 20;
  const { store } = flood(SECONDS, 1_000, [...FAILED_HELLO, ...FAILED_HELLO, ...FAILED_HELLO]);
  assert.ok((bytesOf(store) / SECONDS) * 1_000 < 50 * MB, `${bytesOf(store)} bytes in ${SECONDS} s`);
});

test('a stranger with long lines leaves nothing of them', async () => {
  const world = new MemoryWorld();
  const station = await alone(world);
  const talker = await stranger(station);
  const macs = Array.from({ length: 300 }, (_, n) => `52:54:00:00:${hex(n >> 8)}:${hex(n & 255)}`).join(' ');
  for (let line = 0; line < 50; line++) {
    await talker.ask(`HANDLE tcp://x password:secret-of-none vm0 lan0 HOST PROXY ${macs}`, 1_000);
  }
  assert.ok(bytesOf(station.journal) < 50_000, `${bytesOf(station.journal)} bytes`);
  await world.finish();
});

test.run();
