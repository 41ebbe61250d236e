/** What is mutated, and which tests must find it. */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface Subject {
  readonly name: string;
  /** Sources, as paths from the root. */
  readonly files: readonly string[];
  /** Folders of tests, or single test files, as paths from the root. In which order they run is measured. */
  readonly tests: readonly string[];
}

const PROTOCOL = [
  'answers',
  'arguments',
  'auth',
  'commands',
  'devices',
  'errors',
  'format',
  'hosts',
  'ids',
  'mac',
  'numbers',
  'options',
  'parse',
  'remote',
  'roles',
  'splitter',
  'tokens',
].map((name) => `machines/protocol/${name}.ts`);

export const SUBJECTS: readonly Subject[] = [
  {
    name: 'machines',
    files: [
      'machines/session/machine.ts',
      'machines/handler/initiator.ts',
      'machines/handler/initiator-setup.ts',
      'machines/handler/initiator-wires.ts',
      'machines/handler/initiator-context.ts',
      'machines/handler/responder.ts',
      'machines/device/machine.ts',
      'machines/server/machine.ts',
    ],
    tests: ['spec/unit/machines'],
  },
  {
    name: 'policy',
    files: ['machines/policy/policy.ts', 'machines/policy/patterns.ts'],
    tests: ['spec/unit/policy', 'spec/server/security/policy.test.ts'],
  },
  { name: 'protocol', files: PROTOCOL, tests: ['spec/unit/protocol'] },
  {
    name: 'frames',
    files: ['machines/frames/predicates.ts', 'machines/frames/records.ts'],
    tests: ['spec/unit/frames/roles.test.ts', 'spec/unit/frames/records.test.ts'],
  },
];

/** The test files that `tests` names. @throws Error when there is none */
export function testFiles(root: string, tests: readonly string[]): string[] {
  const files = tests.flatMap((path) => {
    if (path.endsWith('.test.ts')) return [path];
    return readdirSync(join(root, path), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .sort();
  });
  if (files.length === 0) throw new Error(`no test files in ${tests.join(', ')}`);
  return files;
}
