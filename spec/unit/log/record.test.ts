import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../../../io/journal/digest.ts';
import { canonical } from '../../../machines/log/canonical.ts';
import { parseRecord } from '../../../machines/log/parse.ts';
import {
  type LogRecord,
  NO_RECORD,
  type RecordFields,
  seal,
  stateDigest,
  verifyLink,
} from '../../../machines/log/record.ts';

const test = suite('log record');

const fields: RecordFields = {
  time: '2026-01-31T12:00:00.000001Z',
  mono: 1234567890,
  boot: 'b00t',
  actor: 'session:1',
  machine: 'session',
  version: 1,
  event: { type: 'line', text: 'HELP? "ü"\n', list: [1, { b: null, a: true }] },
  from: 'unauthenticated',
  to: 'authenticated',
  state: '0123456789abcdef',
};

/** The hash as section 7 says it, by the plainest means. */
function hashByHand({ hash: _, ...rest }: LogRecord): string {
  return sha256(canonical(rest));
}

test('its hash is that of the canonical JSON of the record without it', () => {
  const { record, line } = seal(fields, { seq: 6, hash: 'a'.repeat(64) }, sha256);
  assert.is(record.seq, 7);
  assert.is(record.prev, 'a'.repeat(64));
  assert.is(record.hash, hashByHand(record));
  assert.equal(JSON.parse(line), record);
});

test('a line has the fields in the order of section 7', () => {
  const names = 'seq time mono boot actor machine version event from to state prev hash';
  assert.is(Object.keys(JSON.parse(seal(fields, NO_RECORD, sha256).line)).join(' '), names);
});

test('the state is 16 digits over value, context and status alone', () => {
  const snapshot = { value: 'closed', context: { b: 1, a: undefined }, status: 'done', machine: () => 1 };
  assert.is(
    stateDigest(snapshot, sha256),
    sha256('{"context":{"b":1},"status":"done","value":"closed"}').slice(0, 16),
  );
});

test('any event comes back, and the chain verifies', () => {
  const event = fc
    .dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())
    .map((rest) => ({ ...rest, type: 'e' }));
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 5 }), (events) => {
      let head = NO_RECORD;
      for (const event of events) {
        const { line, record } = seal({ ...fields, event }, head, sha256);
        const parsed = parseRecord(line);
        if (typeof parsed === 'string') throw new Error(parsed);
        assert.is(verifyLink({ record: parsed, line }, head, sha256), undefined);
        assert.is(hashByHand(parsed), record.hash);
        assert.is.not(line.includes('\n'), true);
        head = record;
      }
    }),
  );
});

test('every changed field breaks the chain', () => {
  const prev = { seq: 6, hash: 'a'.repeat(64) };
  const { record, line } = seal(fields, prev, sha256);
  const changes: Partial<Record<keyof LogRecord, unknown>> = {
    seq: 8,
    time: '2026-01-31T12:00:00.000002Z',
    mono: 1,
    boot: 'x',
    actor: 'session:2',
    machine: 'x',
    version: 2,
    event: { type: 'line' },
    from: 'x',
    to: 'x',
    state: 'f'.repeat(16),
    prev: 'b'.repeat(64),
    hash: 'c'.repeat(64),
  };
  for (const [field, value] of Object.entries(changes)) {
    const changed = { ...record, [field]: value } as LogRecord;
    assert.ok(verifyLink({ record: changed, line: JSON.stringify(changed) }, prev, sha256), field);
  }
  assert.is(Object.keys(changes).length, Object.keys(record).length);
  assert.is(verifyLink({ record, line }, undefined, sha256), undefined, 'the first kept record is trusted');
});

test('record 1 has an empty prev', () => {
  const { record } = seal(fields, NO_RECORD, sha256);
  assert.is(record.prev, '');
  const forged = { ...record, prev: 'a'.repeat(64) };
  assert.match(
    verifyLink({ record: forged, line: JSON.stringify(forged) }, undefined, sha256) ?? '',
    /its prev is not empty/,
  );
});

test('any text gives a record or a sentence', () => {
  const { line } = seal(fields, NO_RECORD, sha256);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.json(),
        fc.nat(line.length - 1).map((cut) => line.slice(0, cut)),
      ),
      (text) => {
        assert.type(parseRecord(text), 'string');
      },
    ),
    { numRuns: 200 },
  );
  for (let cut = 0; cut < line.length; cut++) assert.type(parseRecord(line.slice(0, cut)), 'string');
  assert.type(parseRecord(`${'['.repeat(200_000)}`), 'string');
});

test('what is wrong is said', () => {
  const { record } = seal(fields, NO_RECORD, sha256);
  const said = (change: object) => String(parseRecord(JSON.stringify({ ...record, ...change })));
  assert.match(said({ seq: 0 }), /`seq` is not a whole number from 1/);
  assert.match(said({ seq: 1.5 }), /`seq`/);
  assert.match(said({ time: 'today' }), /`time` is not a time in UTC/);
  assert.match(said({ actor: 'nobody' }), /`actor` is not server, session:<id>/);
  assert.match(said({ event: [] }), /`event` is not an object with a string `type`/);
  assert.match(said({ state: 'XYZ' }), /`state` is not 16 lower-case hex digits/);
  assert.match(said({ extra: 1 }), /unknown field `extra`/);
  assert.match(said({ hash: undefined }), /no field `hash`/);
  assert.match(String(parseRecord('[]')), /not a JSON object/);
});

test.run();
