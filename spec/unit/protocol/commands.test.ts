/** The table of commands, what a server answers, and how that is read. */
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMANDS, helpLines, refuseState } from '../../../machines/protocol/commands.ts';
import { bad, ERROR_CODES, formatRefusal, REASONS } from '../../../machines/protocol/errors.ts';
import {
  dataLine,
  formatBeginOk,
  formatForHandler,
  formatGreeting,
  formatHello,
  okLine,
  parseAnswerLine,
  parseBeginOk,
  parseGreeting,
  swapEnds,
} from '../../../machines/protocol/format.ts';
import { STATES, VERBS } from '../../../machines/protocol/types.ts';
import { ends, handlerId, name, value } from './generators.ts';

const test = suite('protocol: commands and answers');
const ID = '0123456789abcdef';

test('every verb has an entry, and nothing else has one', () => {
  assert.equal(Object.keys(COMMANDS).sort(), [...VERBS].sort());
  for (const verb of VERBS) assert.ok(COMMANDS[verb].syntax.startsWith(verb), verb);
});

test('which command is good in which state', () => {
  const good = (state: (typeof STATES)[number]) => VERBS.filter((verb) => !refuseState(verb, state));
  assert.equal(good('unauthenticated'), ['HELLO', 'DONE', 'HELP?']);
  assert.equal(
    good('authenticated'),
    VERBS.filter((verb) => verb !== 'HELLO'),
  );
  assert.equal(good('handling'), ['DONE', 'HELP?']);
  assert.equal(good('binary'), ['HELP?']);
  assert.is(refuseState('HANDLE', 'unauthenticated')?.reason, 'not-authenticated');
  assert.is(refuseState('HELLO', 'authenticated')?.reason, 'wrong-state');
  assert.is(refuseState('CLOSE', 'handling')?.reason, 'wrong-state');
});

test('HELP? lists what is good now', () => {
  for (const state of STATES) {
    const lines = helpLines(state);
    assert.is(lines.length, VERBS.filter((verb) => COMMANDS[verb].states.includes(state)).length);
    for (const line of lines) {
      const answer = parseAnswerLine(line);
      assert.is(answer.kind === 'data' && answer.word, 'HELP');
      assert.is(answer.malformed, undefined, line);
    }
  }
});

test('the greeting', () => {
  assert.is(
    formatGreeting('proxy-1', ['password', 'cert']),
    'OK VNET/1 server=proxy-1 auth=password,cert features=wires,notes',
  );
  const wrong = [
    '',
    'OK',
    'OK VNET/2 server=a auth=cert',
    'OK VNET/1 auth=cert',
    'OK VNET/1 server=a',
    'OK VNET/1 server="a b" auth=x',
    'SSH-2.0-x',
    'ERR 429 too-many-sessions x',
  ];
  for (const line of wrong) {
    const result = parseGreeting(line);
    assert.is(result.ok || result.refusal.reason, 'remote-protocol', line);
  }
  assert.equal(parseGreeting('OK VNET/1 server=old auth=cert'), {
    ok: true,
    value: { server: 'old', auth: ['cert'], features: [] },
  });
  fc.assert(
    fc.property(name, fc.subarray(['password', 'cert', 'local']), (server, auth) => {
      const value = { server, auth, features: ['wires', 'notes'] };
      assert.equal(parseGreeting(formatGreeting(server, auth)), { ok: true, value });
    }),
  );
});

test('the answer to BEGIN', () => {
  assert.is(formatBeginOk(ID, true, 1500), `OK handler=${ID} offload=on mtu=1500`);
  assert.is(formatBeginOk(ID, true, 1500, 4), `OK handler=${ID} offload=on mtu=1500 wires=4`);
  assert.not(parseBeginOk(`OK handler=${ID} offload=on mtu=1500 wires=9`).ok);
  const wrong = [
    'OK',
    'ERR 404 no-such-device x',
    `OK handler=${ID} offload=yes mtu=1500`,
    `OK handler=${ID} offload=on mtu=67`,
    'OK handler=X offload=on mtu=1500',
    `X handler=${ID} offload=on mtu=1500`,
  ];
  for (const line of wrong) {
    const result = parseBeginOk(line);
    assert.is(result.ok || result.refusal.reason, 'remote-protocol', line);
  }
  fc.assert(
    fc.property(handlerId, fc.boolean(), fc.integer({ min: 68, max: 65_535 }), (handler, offload, mtu) => {
      assert.equal(parseBeginOk(formatBeginOk(handler, offload, mtu)), {
        ok: true,
        value: { handler, offload, mtu },
      });
    }),
  );
});

test('lines of an answer', () => {
  assert.is(okLine({ count: 3, all: true }), 'OK count=3 all=yes');
  assert.is(
    dataLine(['DEVICE', 'br0'], { local: false, mtu: 1500, bridge: undefined, x: 'a b' }),
    'DEVICE br0 local=no mtu=1500 x="a b"',
  );
  assert.equal(parseAnswerLine('OK'), { kind: 'ok', fields: {}, words: [] });
  assert.equal(parseAnswerLine('STAT rx_frames 12'), {
    kind: 'data',
    word: 'STAT',
    fields: {},
    words: ['rx_frames', '12'],
  });
  assert.equal(parseAnswerLine('ERR 400 bad-mac a MAC "is'), {
    kind: 'err',
    code: 400,
    reason: 'bad-mac',
    text: 'a MAC "is',
  });
  assert.equal(parseAnswerLine('OKAY a=1'), { kind: 'data', word: 'OKAY', fields: { a: '1' }, words: [] });
  for (const line of ['', ' OK', 'ERR', 'ERR x', 'ERR 1 a b', 'OK "', 'DEVICE a="b', 'O"K']) {
    assert.is(parseAnswerLine(line).malformed, true, line);
  }
});

test('data lines come back as they were given', () => {
  const keys = fc.constantFrom('a', 'rx_frames', 'x-y', '__proto__', 'constructor');
  const word = fc.constantFrom('DEVICE', 'HANDLER', 'STAT', 'EVENT');
  fc.assert(
    fc.property(
      word,
      fc.array(value, { maxLength: 3 }),
      fc.uniqueArray(fc.tuple(keys, value), { selector: ([key]) => key }),
      (head, words, pairs) => {
        const answer = parseAnswerLine(dataLine([head, ...words], Object.fromEntries(pairs)));
        assert.is(answer.kind, 'data');
        if (answer.kind !== 'data') return;
        assert.is(answer.malformed, undefined);
        assert.equal(answer.words, words);
        assert.equal(Object.entries(answer.fields), pairs);
      },
    ),
  );
});

test('each refusal has its code and stays one line', () => {
  for (const reason of REASONS) {
    const line = formatRefusal(bad(reason, 'why so').refusal);
    assert.equal(parseAnswerLine(line), { kind: 'err', code: ERROR_CODES[reason], reason, text: 'why so' });
  }
});

test('a text from elsewhere neither breaks the line nor makes it too long', () => {
  const line = formatRefusal(bad('remote-refused', `ERR 500\r\nOK ${'x'.repeat(9000)}`).refusal);
  assert.match(line, /^ERR 502 remote-refused ERR 500 OK x+$/);
  assert.ok(line.length < 1100);
});

test('any text can be read as an answer', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const line of [text, `OK ${text}`, `ERR ${text}`]) {
        parseAnswerLine(line);
        parseGreeting(line);
        parseBeginOk(line);
      }
    }),
  );
});

test('the other end sees it the other way round', () => {
  fc.assert(
    fc.property(ends, (both) => {
      assert.equal(swapEnds(swapEnds(both)), both);
      assert.equal(swapEnds(both).localDevice, both.remoteDevice);
      assert.equal(swapEnds(both).remoteConfig, both.localConfig);
    }),
  );
});

test('short lines of a client', () => {
  assert.is(formatHello({ method: 'cert' }), 'HELLO cert');
  assert.is(formatHello({ method: 'password', secret: 'a b' }), 'HELLO password default "a b"');
  assert.is(formatForHandler('STATS?', ID), `STATS? ${ID}`);
});

test.run();
