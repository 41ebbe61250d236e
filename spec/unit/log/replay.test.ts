import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assign, createMachine, initialTransition, transition } from 'xstate';
import { Recorder } from '../../../actors/recorder/recorder.ts';
import { sha256 } from '../../../io/journal/digest.ts';
import { MemoryJournal } from '../../../io/memory/journal.ts';
import { type LogRecord, NO_RECORD, seal } from '../../../machines/log/record.ts';
import { define, machineTable } from '../../../machines/log/registry.ts';
import {
  foldLog,
  type ReplayOptions,
  replay,
  type Step,
  type Verdict,
} from '../../../machines/log/replay.ts';
import { HeardDiagnostics, StillClock, ToyActors, Turns, table, toy } from './toy.ts';

const test = suite('fold and replay');

/** Three sessions, of which one lives on, over three segments. */
async function history(): Promise<MemoryJournal> {
  const clock = new StillClock();
  const store = new MemoryJournal(() => clock.now());
  const turns = new Turns();
  const options = {
    store,
    clock,
    digest: sha256,
    boot: 'b',
    sync: 'never',
    diagnostics: new HeardDiagnostics(),
  } as const;
  const recorder = new Recorder({ ...options, schedule: turns.schedule, segmentBytes: 6000 });
  const actors = new ToyActors();
  recorder.commit(actors.create('server'), () => {});
  recorder.commit(actors.create('session:long'), () => {});
  recorder.commit(actors.send('session:long', { type: 'hello', as: 'bob' }), () => {});
  for (let round = 0; round < 6; round++) {
    actors.live(recorder, `session:${round}`);
    recorder.commit(actors.send('session:long', { type: 'mark', mark: `r${round}` }), () => {});
    await clock.pass(1000);
    await turns.end();
  }
  await recorder.close();
  return store;
}

function run(
  lines: Iterable<string>,
  options?: ReplayOptions,
  machines = table,
): { steps: Step[]; verdict: Verdict } {
  const steps: Step[] = [];
  const generator = replay(lines, machines, sha256, options);
  for (;;) {
    const { done, value } = generator.next();
    if (done) return { steps, verdict: value };
    steps.push(value);
  }
}

/** Changes one record and seals it and all after it anew: a chain that is right, of a story that is not. */
function doctor(
  lines: readonly string[],
  seq: number,
  change: (record: LogRecord) => Partial<LogRecord>,
): string[] {
  let head = NO_RECORD;
  return lines.map((line) => {
    const record = JSON.parse(line) as LogRecord;
    const sealed = seal(record.seq === seq ? { ...record, ...change(record) } : record, head, sha256);
    head = sealed.record;
    return sealed.line;
  });
}

test('a log replays: every to and state comes again', async () => {
  const { lines, segments } = await history();
  assert.ok(segments.length >= 3);
  const { verdict, steps } = run(lines);
  assert.equal(verdict, { ...verdict, kind: 'ok', records: lines.length, trusted: false, stopped: false });
  assert.is(steps.length, lines.length);
  assert.equal([...foldLog(lines, table, sha256).fold.live().keys()], ['server', 'session:long']);
});

test('it can begin at any segment, and comes to the same', async () => {
  const { lines, segments } = await history();
  const whole = foldLog(lines, table, sha256).fold.live().get('session:long')?.snapshot;
  for (const { number } of segments.slice(1)) {
    const rest = segments.filter((segment) => segment.number >= number).flatMap((segment) => segment.lines);
    const { verdict, fold } = foldLog(rest, table, sha256);
    assert.is(verdict.kind === 'ok' && verdict.trusted, true);
    assert.equal(fold.live().get('session:long')?.snapshot.context, whole?.context);
  }
});

test('steps tell what was before and after', async () => {
  const { lines } = await history();
  const { steps, verdict } = run(lines, { actor: 'session:3' });
  assert.is(verdict.kind, 'ok');
  assert.equal(
    steps.map(({ record, before, after }) => [record.event.type, before?.value, after?.value]),
    [
      ['@created', undefined, 'unauthenticated'],
      ['hello', 'unauthenticated', 'authenticated'],
      ...[0, 1, 2].map(() => ['mark', 'authenticated', 'authenticated']),
      ['bye', 'authenticated', 'closed'],
    ],
  );
  const hello = steps[1]!;
  assert.equal(hello.definition?.effects(hello.before, hello.record.event), [
    { type: 'answer', params: { text: 'OK' } },
  ]);
});

test('until a number or a time', async () => {
  const { lines } = await history();
  const five = run(lines, { until: 5 }).verdict;
  assert.is(five.kind === 'ok' && five.stopped && five.head.seq, 5);
  const time = run(lines, { until: '2026-01-01T00:00:02Z' });
  assert.ok(time.steps.every(({ record }) => record.time <= '2026-01-01T00:00:02.000000Z'));
  assert.is(time.verdict.kind === 'ok' && time.verdict.stopped, true);
  assert.is(time.steps.at(-1)?.record.time, '2026-01-01T00:00:02.000000Z');
});

test('an empty log is a good one', () => {
  assert.equal(run([]).verdict, { kind: 'ok', records: 0, head: NO_RECORD, trusted: false, stopped: false });
});

test('a doctored record is found, whatever is changed in it', async () => {
  const { lines } = await history();
  const hello = lines.findIndex((line) => line.includes('"hello"')) + 1;
  const changes: [Partial<LogRecord>, RegExp][] = [
    [{ to: 'closed' }, /goes to 'closed', the machine to 'authenticated'/],
    [{ state: '0'.repeat(16) }, /leaves the actor in 'authenticated' with state 0{16}, the machine with/],
    [{ from: 'closed' }, /goes from 'closed' where the actor is in 'unauthenticated'/],
    [{ event: { type: 'hello', as: 'eve' } }, /with state/],
    [{ actor: 'session:nobody' }, /no such actor/],
    [{ version: 2 }, /of machine toy@1, not toy@2/],
    [{ from: '', event: { type: '@created', input: { name: 'x' } } }, /creates an actor that lives already/],
  ];
  for (const [change, why] of changes) {
    const { verdict } = run(doctor(lines, hello, () => change));
    assert.is(verdict.kind, 'mismatch');
    if (verdict.kind !== 'mismatch') continue;
    assert.is(verdict.mismatch.seq, hello);
    assert.match(verdict.mismatch.why, why);
  }
});

test('a doctored checkpoint is found, with the path of the difference', async () => {
  const { lines } = await history();
  const seq = lines.findIndex((line) => line.includes('"checkpoint"')) + 1;
  const { verdict } = run(
    doctor(lines, seq, ({ event }) => {
      const changed = structuredClone(event) as unknown as {
        type: string;
        actors: Record<string, { context: { count: number } }>;
      };
      changed.actors['session:long']!.context.count += 1;
      return { event: changed };
    }),
  );
  assert.is(verdict.kind === 'mismatch' && verdict.mismatch.path, 'session:long.context.count');
  assert.is(verdict.kind === 'mismatch' && verdict.mismatch.seq, seq);
});

test('a checkpoint at the beginning that makes no sense is found', async () => {
  const { segments } = await history();
  const [first] = segments.at(-1)!.lines;
  const record = JSON.parse(first!) as LogRecord;
  const entry = { machine: 'toy', version: 1, value: 'authenticated', context: {}, status: 'active' };
  const cases: [unknown, RegExp][] = [
    [undefined, /has no actors/],
    [{ 'session:1': { ...entry, value: 5 } }, /no whole snapshot of session:1/],
    [{ 'session:1': { ...entry, version: 9 } }, /no machine toy@9, which session:1 is of/],
    [{ 'session:1': { ...entry, value: 'dreaming' } }, /cannot be restored.*no state 'dreaming'/],
    [{}, /goes from 'unauthenticated' where the server is in ''/],
  ];
  for (const [actors, why] of cases) {
    const { line } = seal(
      { ...record, event: { type: 'checkpoint', actors } },
      { seq: record.seq - 1, hash: record.prev },
      sha256,
    );
    const { verdict } = run([line]);
    assert.match(verdict.kind === 'mismatch' ? verdict.mismatch.why : verdict.kind, why);
  }
});

test('a changed byte is damage, at that record or in the chain behind it', async () => {
  const { lines } = await history();
  for (let seq = 1; seq <= lines.length; seq++) {
    const line = lines[seq - 1]!;
    const at = (seq * 37) % line.length;
    const changed = [...lines];
    changed[seq - 1] = `${line.slice(0, at)}${line[at] === '~' ? '!' : '~'}${line.slice(at + 1)}`;
    const { verdict } = run(changed);
    assert.is(verdict.kind === 'damaged' && verdict.record, seq);
  }
});

test('a line that says the same in another form is damage: only the bytes that were sealed are good', async () => {
  const { lines } = await history();
  const line = lines[4]!;
  const reordered = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(line)).reverse()));
  const forms = {
    'a key that stands twice': line.replace('{', '{"boot":"another",'),
    'a key of the event that stands twice': line.replace('"event":{', '"event":{"type":"another",'),
    'the same key with the same value twice': line.replace(/,("state":"[^"]*")/, ',$1,$1'),
    'a blank': line.replace(':', ': '),
    'a blank in front': ` ${line}`,
    'a CR behind it': `${line}\r`,
    'another order': reordered,
    'an escape that is not needed': line.replace('"boot"', '"\\u0062oot"'),
    'a number in another form': line.replace('"version":1', '"version":1.0'),
  };
  for (const [form, changed] of Object.entries(forms)) {
    assert.is.not(changed, line, form);
    const { verdict } = run(lines.with(4, changed));
    assert.is(verdict.kind === 'damaged' && verdict.record, 5, form);
    assert.match(
      verdict.kind === 'damaged' ? verdict.why : '',
      /other bytes than those that were written/,
      form,
    );
  }
});

test('a record left out, twice there or put elsewhere is damage', async () => {
  const { lines } = await history();
  const damage = (changed: string[]) => run(changed).verdict;
  assert.equal(damage(lines.toSpliced(9, 1)), {
    kind: 'damaged',
    record: 10,
    why: 'its seq is 11 and should be 10',
  });
  assert.equal(damage(lines.toSpliced(9, 0, lines[9]!)), {
    kind: 'damaged',
    record: 11,
    why: 'its seq is 10 and should be 11',
  });
  assert.is(damage(lines.slice(3)).kind, 'damaged', 'begins with neither record 1 nor a checkpoint');
  assert.is(damage([...lines.slice(0, 4), 'no JSON']).kind, 'damaged');
  assert.is(run(lines.slice(0, -3)).verdict.kind, 'ok', 'a chain cannot show that its tail was cut');
});

test('a machine that is not known, or fails, is a mismatch and no crash', async () => {
  const { lines } = await history();
  const none = run(lines, {}, machineTable([])).verdict;
  assert.match(none.kind === 'mismatch' ? none.mismatch.why : '', /no machine toy@1/);
  const failing = {
    ...toy,
    next: () => {
      throw new Error('bang');
    },
  };
  const verdict = run(lines, {}, machineTable([failing])).verdict;
  assert.match(verdict.kind === 'mismatch' ? verdict.mismatch.why : '', /toy@1 fails on it: Error: bang/);
});

test('two definitions of one name and version are refused', () => {
  assert.throws(() => machineTable([toy, toy]), /toy@1/);
});

test('a definition does what XState does, also from a restored snapshot', () => {
  const machine = createMachine({
    context: ({ input }: { input: { n: number } }) => ({ n: input.n }),
    initial: 'off',
    states: {
      off: {
        on: {
          go: {
            target: 'on',
            guard: ({ context, event }) => context.n < 3 && event.type === 'go',
            actions: assign({ n: ({ context }) => context.n + 1 }),
          },
        },
      },
      on: { on: { go: 'off', end: 'gone' } },
      gone: { type: 'final' },
    },
  });
  const definition = define(machine, 'switch', 1);
  let [native] = initialTransition(machine, { n: 0 });
  let snapshot = definition.initial({ n: 0 });
  for (const type of ['end', 'go', 'go', 'go', 'what', 'go', 'go', 'end']) {
    const again = definition.next(definition.restore(JSON.parse(JSON.stringify(snapshot))), { type });
    const next = definition.next(snapshot, { type });
    [native] = transition(machine, native, { type } as never);
    for (const one of [next, again]) {
      assert.equal([one.value, one.context, one.status], [native.value, native.context, native.status]);
    }
    if (type === 'what') assert.is(next, snapshot, 'the same reference when the event is not taken');
    snapshot = next;
  }
  assert.is(snapshot.status, 'done');
  assert.is(definition.restore(JSON.parse(JSON.stringify(snapshot))).status, 'done');
  assert.throws(
    () => definition.restore({ value: 'nowhere', context: {}, status: 'active' }),
    /no state 'nowhere'/,
  );
});

test.run();
