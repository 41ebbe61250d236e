/**
 * A flood of bad clients: what it costs the server is bounded, and good clients and Handlers go on. The topology is
 * drawn in `flood.ts`. Figures for the documentation, with more of everything:
 *
 *     node --import tsx spec/scenarios/security/flood.test.ts --connections 10000 --seconds 30 --addresses 200 --pause 1000
 */
import { parseArgs } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { describe, Flood } from './flood.ts';

await ensurePrivileges();

const number = { type: 'string' } as const;
const { values } = parseArgs({
  options: { connections: number, seconds: number, addresses: number, pause: number },
});
const options = {
  connections: Number(values.connections ?? 2_000),
  seconds: Number(values.seconds ?? 3),
  addresses: Number(values.addresses ?? 60),
  pause: Number(values.pause ?? 3_000),
};

const test = suite('a flood');
const flood = new Flood();
test.before(() => flood.build(options));
test.after(() => flood.close());

test('from many addresses is held at bay', async () => {
  const found = await flood.run(options);
  console.log(describe(options, found));
  const [logins, all] = found.phases;
  assert.ok(all.attack.tried >= options.connections);
  assert.ok(all.attack.turnedAway > 0);
  assert.ok(logins.attack.failed > 0);
  assert.ok(logins.noticed.password.count > 0, 'a right password gets in between wrong ones');
  for (const { noticed } of found.phases) {
    assert.ok(noticed.cert.count >= 3, 'a certificate gets in');
    assert.is(noticed.ping.received, noticed.ping.sent, 'no frame of the Handler was lost');
  }
  assert.ok(found.mostStrangers <= 65, '64, and one that is about to make room');
  assert.ok(found.peakMiB < 320, `${found.peakMiB} MiB`);
  assert.is(found.handler.after, found.handler.before, 'the Handler is the same, and was not dialled again');
  assert.is(found.replay, 0, 'the log is whole');
});

test.run();
