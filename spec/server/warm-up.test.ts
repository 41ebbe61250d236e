/** A server that has warmed up knows nothing of it: what it tells and has on record is what a cold one has. */

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { waitUntil } from '../../tools/lab/wait.ts';
import { RealServer } from './security/real-server.ts';

const test = suite('a warm server');
const SECRET = 'correct-horse-7';

interface Seen {
  readonly events: readonly string[];
  readonly told: readonly string[];
}

/** What is on record, and what it says of itself, once it has been idle for a moment. */
async function seen(...args: readonly string[]): Promise<Seen> {
  const server = new RealServer();
  try {
    await server.start(args, { VNET_PASSWORD: SECRET });
    const { pid } = server.program!;
    const ticks = () => Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[13]);
    let before = ticks();
    await waitUntil(
      () => {
        const idle = ticks() === before;
        before = ticks();
        return idle;
      },
      { what: 'the warm-up to be over', every: 200 },
    );
    const talk = await server.talk('unix');
    const told = [];
    for (const line of ['HELLO local', 'DEVICES?', 'HANDLERS?', 'STATUS?'])
      told.push(...(await talk.ask(line)));
    await server.program?.stop();
    assert.equal(server.said, []);
    const events = readFileSync(server.path('log/00000001.ndjson'), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { actor: string; event: { type: string } })
      .map(({ actor, event }) => `${actor.replace(/:.*/, '')} ${event.type}`);
    const fixed = told.filter((line) => !/^(OK|STATUS (uptime|pid|listen|log_position))/.test(line));
    return { events, told: fixed };
  } finally {
    await server.close();
  }
}

test('has nothing of it on record, and tells of none', async () => {
  assert.equal(await seen(), await seen('--no-warm-up'));
});

test.run();
