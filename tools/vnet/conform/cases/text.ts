/** Cases of the text phase that no machine knows of: bytes, lines, tokens, the order of answers (section 2). */
import { parseGreeting } from '../../../../machines/protocol/answers.ts';
import type { Case } from '../case.ts';
import type { CaseContext } from '../case-context.ts';
import { awaitBegin, namesFor } from '../drive/preconditions.ts';
import { handleLine, NO_DEVICE, NO_HANDLER } from '../names.ts';
import { demand, demandEqual } from '../nonconformity.ts';
import type { Talk } from '../talk.ts';

const MOST = 8192;

const text = (
  id: string,
  title: string,
  run: (bench: CaseContext) => Promise<void>,
  section = '2',
): Case => ({
  id: `text/${id}`,
  title,
  section,
  run,
});

/** A line that is good, in another form. */
const accepted = (id: string, title: string, line: string, wanted = 'OK'): Case =>
  text(id, title, async (bench) => {
    const talk = await bench.login();
    talk.raw(line, JSON.stringify(line.slice(0, 80)));
    const { last } = await talk.answer();
    demand(last.startsWith(wanted), wanted, last);
  });

export const TEXT_CASES: readonly Case[] = [
  text('greeting', 'one greeting, and nothing more before a line', async (bench) => {
    const talk = await bench.dial();
    const greeting = parseGreeting(await talk.line('the greeting'));
    demand(greeting.ok, 'OK VNET/1 server=<name> auth=<methods>', 'another line');
    const strange = greeting.value.auth.filter((method) => !['password', 'cert', 'local'].includes(method));
    demand(strange.length === 0, 'methods of HELLO', strange.join());
    await bench.ask('STATUS?');
    demand(talk.held === 0, 'nothing before the first line', `${talk.held} bytes`);
  }),
  accepted('cr', 'one CR before LF is dropped', 'STATUS?\r\n'),
  accepted('case', 'verbs in small letters', 'status?\n'),
  accepted('blanks', 'blanks and tabs around tokens', ' \t STATUS? \t \n'),
  accepted('tab', 'a tab parts tokens', `STATS?\t${NO_HANDLER}\n`, 'ERR 404'),
  accepted('quotes', 'a token in quotes', `STATS? "${NO_HANDLER}"\n`, 'ERR 404'),
  accepted('escape', 'an escaped quote in quotes', 'STATS? "\\"\\\\"\n', 'ERR 400 bad-id'),
  accepted('backslash', 'a backslash outside of quotes is a letter', 'STATS? a\\b\n', 'ERR 400 bad-id'),
  accepted('quoted-value', 'quotes behind a colon', 'HANDLE tcp://h password:"a b" x\n', 'ERR 400 syntax'),
  accepted('utf-8', 'letters beyond ASCII are no error of the line', 'Größe\n', 'ERR 400 unknown-command'),
  accepted('longest', `a line of ${MOST} bytes with its LF`, `HELP?${' '.repeat(MOST - 6)}\n`),
  text('endless', 'a line that never ends is too long', async (bench) => {
    const talk = await bench.login();
    talk.raw('x'.repeat(MOST + 100), `${MOST + 100} bytes without LF`);
    bench.refused(await talk.answer('ERR 413'), 'line-too-long');
    await talk.over();
  }),
  text('bytewise', 'a line that comes byte by byte', async (bench) => {
    const talk = await bench.login();
    for (const char of 'STATUS?\n') {
      talk.raw(char, JSON.stringify(char));
      await new Promise((resolve) => setImmediate(resolve));
    }
    bench.good(await talk.answer());
  }),
  text('empty', 'empty lines get no answer', async (bench) => {
    const talk = await bench.login();
    talk.raw('\n\r\n  \t\nHELP?\n', 'three empty lines, HELP?');
    const { data } = await talk.answer();
    demand(data[0]?.startsWith('HELP'), 'the answer to HELP?', data[0] ?? 'another');
  }),
  text('pipelined', 'answers come in order', pipelined),
  text('waits', 'lines behind HANDLE wait for its answer', waits),
  text('end', 'end of stream acts as DONE behind the last line', async (bench) => {
    const talk = await bench.greeted();
    talk.raw(`${bench.helloLine()}\nSTATUS?\nHANDLERS?\n`, 'HELLO (credentials), STATUS?, HANDLERS?');
    talk.end();
    for (const what of ['HELLO', 'STATUS?', 'HANDLERS?'])
      bench.good(await talk.answer(what), `OK to ${what}`);
    await talk.over();
  }),
  text('torn', 'a line without its LF is not carried out', async (bench) => {
    const talk = await bench.login();
    talk.raw('HELP?\nSTATUS?', 'HELP? and a torn line');
    talk.end();
    bench.good(await talk.answer());
    await talk.over();
  }),
  text('survives', 'no wrong line ends a session', survives, '5'),
  text('order', 'arguments are looked at before objects', async (bench) => {
    const talk = await bench.login();
    const names = namesFor(bench);
    const line = handleLine(names, { local: NO_DEVICE, options: 'color=red' });
    bench.refused(await talk.ask(line), 'bad-option');
  }),
  text('left-to-right', 'of two wrong arguments the first is answered', async (bench) => {
    const talk = await bench.login();
    const names = namesFor(bench);
    const two = { remote: 'http://h', local: 'usb:eth0', macs: 'zz', options: 'color=red' };
    bench.refused(await talk.ask(handleLine(names, two)), 'bad-remote');
    const { remote: _, ...rest } = two;
    bench.refused(await talk.ask(handleLine(names, rest)), 'bad-device');
    bench.refused(await talk.ask(handleLine(names, { macs: 'zz', options: 'color=red' })), 'bad-mac');
  }),
  text('no-dial', 'nothing is dialled before all is right here', async (bench) => {
    const standIn = await bench.standIn();
    const talk = await bench.login();
    const names = namesFor(bench, standIn.url);
    bench.refused(await talk.ask(handleLine(names, { local: NO_DEVICE })), 'no-such-device');
    await bench.ask('STATUS?');
    demandEqual(String(standIn.waiting), '0', 'connections');
  }),
  text('secrets', 'no answer repeats a secret', async (bench) => {
    const talk = await bench.login();
    const names = namesFor(bench);
    for (const instead of [{ local: NO_DEVICE }, { macs: 'zz' }, { options: 'color=red' }]) {
      const { last } = await talk.ask(handleLine(names, { ...instead, auth: 'password:Xyzzy-17' }));
      demand(!last.includes('Xyzzy-17'), 'no secret in the answer', last);
    }
  }),
];

async function pipelined(bench: CaseContext): Promise<void> {
  const talk = await bench.login();
  const lines = ['STATUS?', 'FROBNICATE', 'HELP?', 'CLOSE x', 'HANDLERS?', `STATS? ${NO_HANDLER}`, 'STATUS?'];
  talk.raw(lines.map((line) => `${line}\n`).join(''), lines.join(' ⏎ '));
  await expectWord(talk, 'STATUS');
  bench.refused(await talk.answer(), 'unknown-command');
  await expectWord(talk, 'HELP');
  bench.refused(await talk.answer(), 'bad-id');
  bench.good(await talk.answer());
  bench.refused(await talk.answer(), 'no-such-handler');
  await expectWord(talk, 'STATUS');
  await bench.ask('STATUS?');
  demand(talk.held === 0, 'one answer to a line', `${talk.held} bytes more`);
}

async function expectWord(talk: Talk, word: string): Promise<void> {
  const { data, last } = await talk.answer(`${word} lines`);
  const stray = data.find((line) => !line.startsWith(`${word} `));
  demand(data.length > 0 && stray === undefined, `${word} lines`, stray ?? last);
}

async function waits(bench: CaseContext): Promise<void> {
  const standIn = await bench.standIn();
  const talk = await bench.login();
  const line = handleLine(namesFor(bench, standIn.url));
  talk.raw(`${line}\nHELP?\n`, `${line} and HELP? behind it`);
  const { visit, id } = await awaitBegin(standIn);
  bench.closeLater(id);
  await bench.ask('STATUS?');
  demand(talk.held === 0, 'no answer before that to HANDLE', `${talk.held} bytes`);
  visit.talk.say('ERR 403 forbidden no');
  bench.refused(await talk.answer('the answer to HANDLE'), 'remote-refused');
  await expectWord(talk, 'HELP');
}

async function survives(bench: CaseContext): Promise<void> {
  const talk = await bench.login();
  const wrong = ['FROBNICATE', 'STATS?', 'CLOSE x', 'HELLO password a b c', 'DONE now', 'a"b"', 'HANDLE'];
  for (let count = 0; count < 5; count++) {
    for (const line of wrong) {
      const { parsed, last } = await talk.ask(line);
      demand(parsed.kind === 'err', `ERR to ${line}`, last);
    }
  }
  bench.good(await talk.ask('STATUS?'));
}
