/** Records carry the time of a clock that may stand wherever somebody set it. */

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeCertificate, keygen } from '../../../io/auth/certificates.ts';
import { realClock } from '../../../io/clock.ts';
import { sha256 } from '../../../io/journal/digest.ts';
import { VirtualClock } from '../../../io/memory/clock.ts';
import type { Clock } from '../../../io/ports.ts';
import { rfc3339, rfc3339Millis } from '../../../io/rfc3339.ts';
import { parseRecord } from '../../../machines/log/parse.ts';
import { NO_RECORD, seal } from '../../../machines/log/record.ts';
import { microsOf } from '../../../tools/vnet/replay/html.ts';
import { scratch } from '../tools/history.ts';

const test = suite('clocks set to anything');
const place = scratch();
test.after(() => place.remove());

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const EDGES: readonly (readonly [number, string])[] = [
  [0, '1970-01-01T00:00:00.000000Z'],
  [-1, '1969-12-31T23:59:59.999000Z'],
  [Date.UTC(1901, 0, 1), '1901-01-01T00:00:00.000000Z'],
  [Date.UTC(9999, 11, 31, 23, 59, 59, 999), '9999-12-31T23:59:59.999000Z'],
  [Date.UTC(10_000, 0, 1), '9999-12-31T23:59:59.999999Z'],
  [8_640_000_000_000_000, '9999-12-31T23:59:59.999999Z'],
  [9e15, '9999-12-31T23:59:59.999999Z'],
  [Date.parse('0000-01-01T00:00:00Z') - 1, '0000-01-01T00:00:00.000000Z'],
];

/** @param now what the system clock says, in milliseconds since 1970 */
function at<T>(now: number, work: () => T): T {
  const real = Date.now;
  Date.now = () => now;
  try {
    return work();
  } finally {
    Date.now = real;
  }
}

for (const [now, text] of EDGES) {
  test(`${text}: a record of that time can be read`, () => {
    const clocks: Clock[] = [at(now, realClock), new VirtualClock(now)];
    for (const clock of clocks) {
      const time = at(now, () => clock.wall());
      assert.match(time, TIME);
      assert.is(time.slice(0, 19), text.slice(0, 19));
      const fields = { time, mono: 0, boot: 'b', actor: 'server', machine: 'server', version: 1 };
      const { line } = seal(
        { ...fields, event: { type: 'x' }, from: '', to: '', state: '0'.repeat(16) },
        NO_RECORD,
        sha256,
      );
      const read = parseRecord(line);
      assert.is(typeof read === 'string' ? read : read.time, time);
    }
    assert.is(rfc3339(now, 0), text);
    assert.is(rfc3339Millis(now), text.replace(/\d{3}Z/, 'Z'));
  });
}

test('microseconds before 1970 count forward too', () => {
  assert.is(rfc3339(0, -1), '1969-12-31T23:59:59.999999Z');
  assert.is(rfc3339(-1000, -1), '1969-12-31T23:59:58.999999Z');
  assert.is(microsOf('1969-12-31T23:59:59.999999Z'), -1);
});

test('time goes on by microseconds in every year, and never back', () => {
  for (const year of [1901, 1970, 2026, 2254, 2300, 9998]) {
    const begin = Date.UTC(year, 0, 1) - 3;
    const times = Array.from({ length: 5000 }, (_, micros) => rfc3339(begin, micros));
    assert.equal(times, [...new Set(times)].sort());
    for (const time of times) assert.match(time, TIME);
  }
});

test('a key that is made near the end of time is good until then', async () => {
  const now = Date.UTC(9_995, 0, 1);
  const real = globalThis.Date;
  class LateDate extends real {
    constructor(...args: [] | [number]) {
      super(...((args.length === 0 ? [now] : args) as [number]));
    }
    static override now = () => now;
  }
  globalThis.Date = LateDate as DateConstructor;
  try {
    const { certFile } = await keygen(place.dir, 'late');
    globalThis.Date = real;
    assert.is(describeCertificate(readFileSync(certFile, 'utf8'), now).validTo, '9999-12-31T23:59:59.000Z');
  } finally {
    globalThis.Date = real;
  }
});

test.run();
