/** A file of --config that is wrong: each way is refused, with what is wrong, where, and what would be right. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadPeers } from '../../../io/auth/peers.ts';
import { loadPolicyFile } from '../../../io/auth/policy-file.ts';
import { main } from '../../../tools/vnet/cli/main.ts';
import { readServeOptions } from '../../../tools/vnet/serve/options.ts';
import { scratch } from './history.ts';
import { Terminal } from './terminal.ts';

const test = suite('wrong configuration');
const place = scratch();
test.after(() => place.remove());
const file = path.join(place.dir, 'c.json');

const config = (text: string) => {
  fs.writeFileSync(file, text);
  return readServeOptions({ values: { config: file }, positionals: [] }, { STATE_DIRECTORY: '/s' });
};

for (const [text, why] of [
  ['[]', 'as a whole: must be an object, {…}'],
  ['[{"name": "a"}]', 'as a whole: must be an object, {…}'],
  ['null', 'as a whole: must be an object, {…}'],
  ['"x"', 'as a whole: must be an object, {…}'],
  ['{"listen": []}', 'listen: must name a URL, or be left out: it is tcp://127.0.0.1:7411 then'],
  ['{"listen": "tcp://h"}', 'listen: must be a list, such as ["tls://0.0.0.0:7411"]'],
  ['{"listen": [7411]}', 'listen[0]: must be a text'],
  ['{"listen": [""]}', 'listen[0]: a listener is tcp://HOST'],
  ['{"listen": ["tcp://h", "tcp://H:7411"]}', 'listen[1]: tcp://h:7411 stands there twice'],
  ['{"log": ""}', 'log: must be a path'],
  ['{"log": "a\\u0000b"}', 'log: holds a NUL, which no path can'],
  ['{"log": null}', 'log: must be a text'],
  ...['password-file', 'cert', 'key', 'authorized', 'ca', 'peers', 'policy'].map(
    (name) => [`{"${name}": ""}`, `${name}: must be a path`] as const,
  ),
  ['{"name": ""}', 'name: must be 1 to 64 letters'],
  ['{"name": "a b"}', 'name: must be 1 to 64 letters'],
  ['{"name": "a", "name": "b"}', 'line 1, column 15: "name" stands there twice'],
  [
    '{\n "limits": {"macs": 1,\n  "macs": 2}\n}',
    'line 3, column 3: "macs" stands there twice, first in line 2',
  ],
  ['{"limits": []}', 'limits: must be an object, {…}'],
  ['{"limits": null}', 'limits: must be an object, {…}'],
  ['{"limits": {"handlers": 0}}', 'limits.handlers: must be 1 or more'],
  ['{"limits": {"handlers": "7"}}', 'limits.handlers: must be a number'],
  ['{"limits": {"handlers": 1e300}}', 'limits.handlers: must be a whole number'],
  ['{"limits": {"hello-ms": 1.5}}', 'limits.hello-ms: must be a whole number'],
  ['{"limits": {"hello-ms": 1e12}}', 'limits.hello-ms: must be 2147483647 or less'],
  ['{"log-retain-days": 1e999}', 'log-retain-days: must be 36500 or less'],
  ['{"log-retain-bytes": 1e300}', 'log-retain-bytes: must be a whole number'],
  ['{"log-segment-bytes": 1}', 'log-segment-bytes: must be 4096 or more'],
  ['{"log-sync": "sometimes"}', 'log-sync: must be one of "always", "interval", "never"'],
  ['{"resume": "no"}', 'resume: must be true or false'],
  ['{"wires": 9}', 'wires: must be 8 or less'],
  ['{"congestion": ""}', 'congestion: must be a name'],
  ['{"no-resume": true}', 'no-resume: there is no such field: say "resume": false'],
  ['{"no-warm-up": true}', 'no-warm-up: there is no such field: say "warm-up": false'],
  ['{"config": "x"}', 'config: there is no such field: a file names no other one'],
  ['{"password": "hunter2"}', 'password: there is no such field: a secret never stands here'],
  ['{"passwordFile": "x"}', 'passwordFile: there is no such field: it is "password-file"'],
  ['{"Name": "x"}', 'Name: there is no such field: it is "name"'],
  ['{"limits": {"helloMs": 1}}', 'limits.helloMs: there is no such field: it is "hello-ms"'],
  ['{"hello-ms": 1}', 'hello-ms: there is no such field: it stands in "limits"'],
  ['{"whatever": 1}', 'whatever: there is no such field'],
] as const) {
  test(text.replaceAll('\n', ' '), () => {
    try {
      config(text);
      assert.unreachable('it was taken');
    } catch (error) {
      const { message } = error as Error;
      assert.ok(message.includes(why), message);
      assert.ok(message.includes(file), message);
      assert.not.match(message, /hunter2|Expected|Invalid/);
    }
  });
}

test('what may stand there is taken', () => {
  assert.equal(config('{}').listen, ['tcp://127.0.0.1:7411']);
  assert.equal(config('{"listen": ["tcp://h:0", "tcp://h:0", "tls://h"]}').listen.length, 3);
  assert.is(config('{"log": "a"}').log, path.join(place.dir, 'a'));
});

test('the other files say it in the same way', () => {
  const wrong = (load: (file: string) => unknown, text: string, why: RegExp) => {
    fs.writeFileSync(file, text);
    assert.throws(() => load(file), why);
  };
  wrong(loadPeers, '{}', /as a whole: must be a list$/);
  wrong(loadPeers, '[[]]', /\[0\]: must be an object, \{…\}$/);
  wrong(loadPeers, '[{"name":"a","url":7}]', /\[0\]\.url: must be a text$/);
  wrong(loadPeers, '[{"name":"a","url":"tls://h","cert":""}]', /\[0\]\.cert: must be a path$/);
  wrong(loadPeers, '[{"name":"a","url":"tls://h","url":"tls://i"}]', /column 30: "url" stands there twice/);
  wrong(
    loadPeers,
    '[{"name":"a","url":"tls://h","password":"x"}]',
    /\[0\]\.password: there is no such field: .*"password-file"/,
  );
  wrong(loadPolicyFile, '[]', /as a whole: must be an object/);
  wrong(loadPolicyFile, '{"rules":[[]]}', /rules\[0\]: must be an object/);
  wrong(
    loadPolicyFile,
    '{"rules":[{"name":"a","identities":["*"],"mostHandlers":1}]}',
    /mostHandlers: there is no such field: it is "most-handlers"/,
  );
  wrong(
    loadPolicyFile,
    '{"rules":[{"name":"a","identities":["*"],"macs":["x"],"macs":[]}]}',
    /"macs" stands there twice/,
  );
});

for (const args of [
  ['serve', '--log', ''],
  ['serve', '--log='],
  ['serve', '--config', ''],
  ['serve', '--listen', ''],
  ['serve', '--name', ''],
  ['status', '--server', ''],
  ['status', '--password-file', ''],
  ['replay', ''],
  ['replay', '--actor', '', place.dir],
  ['log', 'verify', ''],
  ['keygen', ''],
]) {
  test(`an empty value on the command line: vnet ${args.map((word) => word || "''").join(' ')}`, async () => {
    const terminal = new Terminal();
    assert.is(await main(args, terminal), 2);
    assert.match(terminal.stderr, /empty/);
  });
}

test.run();
