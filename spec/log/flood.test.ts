/** What floods cost the disk: a wire that flaps, strangers without end, strangers that say much. By the virtual clock. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UnauthenticatedSessions } from '../../actors/recorder/unauthenticated.ts';
import { Recorder } from '../../actors/recorder.ts';
import { sha256 } from '../../io/journal/digest.ts';
import { VirtualClock } from '../../io/memory/clock.ts';
import { MemoryDiagnostics } from '../../io/memory/diagnostics.ts';
import { MemoryJournal } from '../../io/memory/journal.ts';
import { MACHINES, sessionDefinition } from '../../machines/index.ts';
import { CREATED, type LogRecord } from '../../machines/log/record.ts';
import { foldLog } from '../../machines/log/replay.ts';
import { handle, pair } from '../support/pair.ts';
import { MemoryWorld } from '../support/world.ts';
import { alone, stranger } from './lives/life.ts';

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

/** Some strangers a second, each of which says what it says and goes. */
function flood(seconds: number, perSecond: number, says: readonly string[]) {
  const clock = new VirtualClock();
  const store = new MemoryJournal(() => clock.now());
  const diagnostics = new MemoryDiagnostics();
  const options = { store, clock, digest: sha256, boot: 'b', diagnostics, sync: 'never' } as const;
  const recorder = new Recorder({ ...options, schedule: (flush) => void clock.after(0, flush) });
  const strangers = new UnauthenticatedSessions(recorder, clock);
  const events = [...says.map((reason) => ({ type: 'bad-line', reason, length: 9 })), { type: 'end' }];
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
function life(events: readonly { readonly type: string }[]) {
  const limits = { hello: 10_000, idle: 600_000, failedHellos: 3 };
  const input = {
    id: '0'.repeat(16),
    scheme: 'tcp',
    peer: '192.0.2.1:40000',
    address: '192.0.2.1',
    methods: [],
    limits,
  };
  const { name: machine, version, initial, next } = sessionDefinition;
  let snapshot = initial(input);
  const entries = [
    {
      machine,
      version,
      event: { type: CREATED, input } as LogRecord['event'],
      from: '',
      to: snapshot.value,
      snapshot,
    },
  ];
  for (const event of events) {
    const from = snapshot.value;
    snapshot = next(snapshot, event);
    entries.push({ machine, version, event, from, to: snapshot.value, snapshot });
  }
  return entries;
}

test('strangers: ten a second are whole for a while, then one; and all are accounted for', () => {
  for (const says of [[], ['syntax', 'syntax', 'syntax']]) {
    const { store, sessions } = flood(600, 40, says);
    const records = store.lines.map((line) => JSON.parse(line) as LogRecord);
    const whole = records.filter(({ event }) => event.type === CREATED).length;
    const counted = records.filter(({ event }) => event.type === 'counted');
    const sum = counted.reduce((sum, { event }) => sum + (event.sessions as number), 0);
    assert.is(whole + sum, sessions);
    assert.ok(whole >= 3_600 && whole < 3_600 + 600 + 20, `${whole} were recorded whole`);
    assert.ok(
      counted.length < 100,
      `${counted.length} counted records: they come less often in a long flood`,
    );
    assert.is(foldLog(store.lines, MACHINES, sha256).verdict.kind, 'ok');
    // What it costs for as long as it goes on: a million strangers a day, say, or ten million.
    const late = records
      .filter(({ mono }) => mono > 450e9)
      .map((record) => JSON.stringify(record).length + 1);
    const aDay = (late.reduce((sum, length) => sum + length, 0) / 150) * 86_400;
    assert.ok(aDay < 300 * MB, `${aDay} bytes a day`);
  }
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
