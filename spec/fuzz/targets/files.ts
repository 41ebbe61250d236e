/** Configuration files: each is read, or refused with an error that was meant, and never quoted. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAuthorized } from '../../../io/auth/authorized-file.ts';
import { parsePasswords } from '../../../io/auth/password-file.ts';
import { loadPeers } from '../../../io/auth/peers.ts';
import { loadPolicyFile } from '../../../io/auth/policy-file.ts';
import { openSecretStore } from '../../../io/auth/secret-store.ts';
import { compilePolicy } from '../../../machines/policy/policy.ts';
import { parseLine } from '../../../machines/protocol/parse.ts';
import type { SecretRef } from '../../../machines/protocol/types.ts';
import { readServeOptions } from '../../../tools/vnet/serve/options.ts';
import { demand, type FuzzTarget } from '../target.ts';

const folder = mkdtempSync(join(tmpdir(), 'vnet-fuzz-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'file');

const SECRET = 'fA7zK0qVb2';
const HEX = 'ab'.repeat(32);
const JSON_WORDS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  'null',
  'true',
  '1e999',
  '"name"',
  '"url"',
  '"*"',
  '"__proto__"',
];

/** Runs a reader of a file; an error that was not meant, or repeats a secret, breaks a promise. */
function read(input: Buffer, reader: () => void): void {
  writeFileSync(path, input, { mode: 0o600 });
  try {
    reader();
  } catch (error) {
    const meant = error instanceof Error && ['Error', 'UsageError'].includes(error.constructor.name);
    demand(meant, `not an error that was meant: ${error}`);
    // The name of a file that is not there has to be said.
    const said = error.message.replace(/cannot read .*/s, '');
    demand(!said.includes(SECRET), 'a secret stands in an error text');
  }
}

export const passwords: FuzzTarget = {
  name: 'passwords',
  words: ['$scrypt$', 'ln=', ',r=', ',p=', '$', ':', '\n', '#', '='],
  seeds: () => [
    Buffer.from(
      `# people\nann:$scrypt$ln=15,r=8,p=1$${SECRET}AAAAAAAAAAAA$${SECRET}${'A'.repeat(33)}\r\n\nbob:x${SECRET}\n`,
    ),
    Buffer.from(`${SECRET}\n`),
  ],
  run: (input) => read(input, () => parsePasswords(input.toString('utf8'), 'passwords')),
};

export const authorized: FuzzTarget = {
  name: 'authorized',
  words: ['sha256:', ' server=', '[::1]', ':7411', '#', '\n', ' '],
  seeds: () => [
    Buffer.from(
      `# who\nann sha256:${HEX}\nbob sha256:${HEX} server=[2001:db8::1]:7411 # x\nc sha256:${HEX} server=h\n`,
    ),
    Buffer.from(
      `${SECRET} ${SECRET} ${SECRET}\nann:${SECRET}\nann sha256:${HEX} ${SECRET}\nann sha256:${HEX} server=:${SECRET}\n`,
    ),
  ],
  run: (input) => read(input, () => parseAuthorized(input.toString('utf8'), 'authorized')),
};

export const peers: FuzzTarget = {
  name: 'peers',
  words: [
    ...JSON_WORDS,
    'tls://',
    'tcp://',
    '"pin"',
    'sha256:',
    '"cert"',
    '"key"',
    '"password-file"',
    '"identity"',
  ],
  seeds: () => [
    Buffer.from(
      `[{"name": "office", "url": "tls://h:7411", "pin": "sha256:${HEX}"}, {"name": "lab", "url": "tcp://[::1]"}]`,
    ),
    Buffer.from(
      '[{"name": "a", "url": "tls://h", "identity": "b", "password-file": "none", "cert": "c", "key": "k"}]',
    ),
    Buffer.from(`"${SECRET}"`),
    Buffer.from(`[{"name": "a", "url": "tls://u:${SECRET}@h"}]`),
    Buffer.from(SECRET),
  ],
  run: (input) => read(input, () => loadPeers(path)),
};

const RULE =
  '{"name": "a", "identities": ["ann", "*"], "commands": ["*"], "devices": ["tap:vm*?bridge=b*", "packet:e"], "roles": ["HOST"],' +
  '"macs": ["52:54:00:*", "52:54:00:00:00:00/25", "*"], "remotes": ["tls://*.x:7411", "peer:*"], "handlers": "own",' +
  '"most-handlers": 3, "most-rate": 5, "most-bcast-rate": 6, "l2cp": true, "remote-devices": ["*"]}';
const LINES = [
  'HANDLE tls://a.x:7411 cert tap:vm0?bridge=b0 vm0 HOST PROXY 52:54:00:00:00:01 rate=5 bcast-rate=6',
  `BEGIN ${'0f'.repeat(8)} packet:e vm0 BRIDGE BRIDGE * offload=on mtu=1500 l2cp=on`,
  `CLOSE ${'0f'.repeat(8)}`,
  'STATUS?',
];

export const policy: FuzzTarget = {
  name: 'policy',
  words: [...JSON_WORDS, '"rules"', '"macs"', '*', '/48', '?bridge=', 'tap:', 'tls://'],
  seeds: () => [
    Buffer.from(`{"rules": [${RULE}, {"name": "b", "identities": ["bob"]}]}`),
    Buffer.from(SECRET),
  ],
  run: (input) =>
    read(input, () => {
      const compiled = compilePolicy(loadPolicyFile(path));
      if (typeof compiled === 'string') throw new Error(compiled);
      for (const text of LINES) {
        const line = parseLine(Buffer.from(text), () => 'secret:1' as SecretRef);
        if (line.kind !== 'command') throw new Error(text);
        compiled.forbids('ann', line.command, { owners: () => ['bob'], count: () => 2 });
      }
    }),
};

export const configuration: FuzzTarget = {
  name: 'configuration',
  words: [...JSON_WORDS, '"listen"', '"limits"', 'unix://', '"hello-ms"', '"resume"'],
  seeds: () => [
    Buffer.from(
      '{"listen": ["tls://[::]:7411", "unix:///run/x?mode=660"], "name": "x", "log": "l", "log-sync": "always", "cert": "c",' +
        '"limits": {"hello-ms": 5, "handlers": 3}, "allow-plaintext": true, "resume": false, "log-retain-days": 1.5}',
    ),
    Buffer.from(SECRET),
  ],
  run: (input) => read(input, () => void readServeOptions({ values: { config: path }, positionals: [] }, {})),
};

export const secretStore: FuzzTarget = {
  name: 'secret-store',
  words: JSON_WORDS,
  seeds: () => [Buffer.from(`{"secret:1": "${SECRET}", "secret:2": "x"}\n`), Buffer.from(SECRET)],
  run: (input) => read(input, () => void openSecretStore(path).refs()),
};
