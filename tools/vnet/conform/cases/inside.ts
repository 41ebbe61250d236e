/** Cases that take a server in this process: its policy, its log, its bounds. */

import type { Case } from '../case.ts';
import type { CaseContext } from '../case-context.ts';
import { beginWire, namesFor, standing } from '../drive/preconditions.ts';
import { beginLine, handleLine } from '../names.ts';
import { demand } from '../nonconformity.ts';

const inside = (
  id: string,
  section: string,
  title: string,
  run: (bench: CaseContext) => Promise<void>,
): Case => ({
  id: `inside/${id}`,
  title,
  section,
  run,
});

export const INSIDE_CASES: readonly Case[] = [
  inside('forbidden', '5', 'the policy refuses, behind arguments and before objects', async (bench) => {
    bench.control.forbid('CLOSE');
    const talk = await bench.login();
    bench.refused(await talk.ask('CLOSE x'), 'bad-id');
    bench.refused(await talk.ask(`CLOSE ${'0'.repeat(16)}`), 'forbidden');
  }),
  inside(
    'log',
    '7',
    'a log that cannot be written stops HANDLE, BEGIN and CLOSE, and nothing else',
    async (bench) => {
      const { control } = bench;
      const { id, wire } = await standing(bench);
      const talk = await bench.login();
      control.breakLog(true);
      const names = namesFor(bench);
      bench.refused(await talk.ask(beginLine(names)), 'log-unavailable');
      bench.refused(await talk.ask(handleLine(names)), 'log-unavailable');
      bench.refused(await talk.ask(`CLOSE ${id}`), 'log-unavailable');
      bench.good(await talk.ask('STATUS?'));
      await wire.ping();
      control.breakLog(false);
      await control.advance(60_000);
      const again = await bench.login();
      bench.good(await again.ask(`CLOSE ${id}`), 'CLOSE to work again');
    },
  ),
  inside('handlers', '5', 'so many Handlers and no more', async (bench) => {
    await standing(bench);
    bench.control.limit({ handlers: 1 });
    const talk = await bench.login();
    bench.refused(await talk.ask(beginLine(namesFor(bench))), 'too-many-handlers');
    bench.refused(await talk.ask(handleLine(namesFor(bench))), 'too-many-handlers');
  }),
  inside('sessions', '5', 'so many sessions and no more', async (bench) => {
    await bench.login();
    bench.control.limit({ sessions: 1 });
    const talk = await bench.dial('one too many');
    bench.refused(await talk.answer('ERR 429 in place of the greeting'), 'too-many-sessions');
    await talk.over();
  }),
  inside('evicted', '4', 'past the bound the oldest stranger goes', async (bench) => {
    bench.control.limit({ unauthenticated: 2 });
    const [first, second, third] = [
      await bench.greeted('1'),
      await bench.greeted('2'),
      await bench.greeted('3'),
    ];
    bench.refused(await first.answer('ERR 429'), 'too-many-sessions');
    await first.over();
    for (const talk of [second, third]) bench.good(await talk.ask('HELP?'));
  }),
  inside('remembered', '4', 'a Handler that was CLOSEd is remembered over a restart', async (bench) => {
    const { id, line, wire } = await standing(bench);
    const boss = await bench.boss();
    boss.say(`CLOSE ${id}`);
    await wire.farewell('closed');
    bench.good(await boss.answer('OK to CLOSE'));
    await bench.restart(true);
    const talk = await bench.login();
    bench.refused(await talk.ask(line), 'handler-closed');
  }),
  inside('not-remembered', '4', 'one whose wait expired, or that a restart ended, is not', async (bench) => {
    const { id, line } = await standing(bench);
    await bench.restart(true);
    const { wire } = await beginWire(bench, line, id);
    await wire.ping();
    wire.talk.cut();
    await bench.handlerIs(id, 'handling');
    await bench.control.advance(61_000);
    await bench.handlerIs(id, 'closed');
    await beginWire(bench, line, id);
  }),
  inside('watcher', '4', 'a session that watches is not idle', async (bench) => {
    const talk = await bench.login();
    bench.good(await talk.ask('WATCH'));
    await bench.control.advance(700_000);
    talk.say('HELP?');
    bench.good(await talk.answer('an answer after 700 s', true));
  }),
  inside('backoff', '4', 'the delay between dials doubles, up to 10 s', async (bench) => {
    const { control } = bench;
    const standIn = await bench.standIn();
    const talk = await bench.login();
    talk.say(handleLine(namesFor(bench, standIn.url)));
    const { begin, wire } = await (await standIn.visit()).toWire();
    bench.closeLater(begin.handler);
    bench.good(await talk.answer('OK to HANDLE'));
    await wire.ping();
    wire.talk.cut();
    for (const ms of [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
      const since = control.now();
      while (standIn.waiting === 0 && control.now() < since + 1.2 * ms + 1_000)
        await control.advance(ms / 20);
      const visit = await standIn.visit();
      const passed = control.now() - since;
      demand(passed >= 0.75 * ms, `a delay of about ${ms} ms`, `${Math.round(passed)} ms`);
      visit.talk.cut();
      await bench.handlerIs(begin.handler, 'unauthenticated');
    }
  }),
];
