/**
 * Deliberately wrong servers: the suite has to catch every one. Each is a right server with one thing changed, most
 * of them by something that stands between it and its sockets. All of them live in this process, side by side.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Case } from '../../tools/vnet/conform/case.ts';
import { runCases } from '../../tools/vnet/conform/runner.ts';
import { casesFor } from '../../tools/vnet/conform/suite.ts';
import { fromOutside } from '../../tools/vnet/conform/target.ts';
import { InProcess } from './in-process.ts';
import { BINARY_MUTANTS } from './mutants/binary.ts';
import { HELLO_MUTANTS } from './mutants/hello.ts';
import { SERVER_MUTANTS } from './mutants/server.ts';
import { type Mutant, TEXT_MUTANTS } from './mutants/text.ts';
import { WIRE_MUTANTS } from './mutants/wires.ts';

const MUTANTS: readonly Mutant[] = [
  ...TEXT_MUTANTS,
  ...HELLO_MUTANTS,
  ...BINARY_MUTANTS,
  ...SERVER_MUTANTS,
  ...WIRE_MUTANTS,
];
const AT_ONCE = 8;
/** Milliseconds: a wrong server that says nothing has to be waited for, a right one takes a few. */
const PATIENCE = 1_500;

interface Caught {
  readonly mutant: Mutant;
  /** Id of the case that failed, and how; undefined: it got away. */
  readonly by: string | undefined;
  readonly why: string | undefined;
  readonly tried: number;
}

/** Cases of a server that is ours, and of one as others see it: those of one server are those of the next. */
const all = new Map<string, readonly Case[]>();

async function hunt(mutant: Mutant): Promise<Caught> {
  const { inside = false, scheme = 'tcp' } = mutant;
  const target = await InProcess.start({ scheme, patience: PATIENCE, fault: mutant.fault });
  const seen = inside ? target : fromOutside(target);
  try {
    const kind = `${scheme} ${inside}`;
    if (!all.has(kind))
      all.set(kind, casesFor(seen, scheme === 'unix' ? ['password', 'local'] : ['password']));
    const cases = all.get(kind)!.filter(({ id }) => mutant.only.some((part) => id.includes(part)));
    const { outcomes } = await runCases(seen, cases, {
      seed: 1,
      told: ({ verdict }) => verdict !== 'fail',
    });
    const failed = outcomes.find(({ verdict }) => verdict === 'fail');
    return { mutant, by: failed?.test.id, why: failed?.why?.split('\n')[0], tried: outcomes.length };
  } finally {
    await target.close();
  }
}

const test = suite('conformance: mutants');
const caught: Caught[] = [];

test.before(async () => {
  const queue = [...MUTANTS];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) caught.push(await hunt(next));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
});

for (const mutant of MUTANTS) {
  test(`catches: ${mutant.name}`, () => {
    const found = caught.find((each) => each.mutant === mutant);
    assert.ok(found !== undefined && found.tried > 0, `no case for ${mutant.only.join(' or ')}`);
    assert.ok(found.by !== undefined, `it got away from ${found.tried} cases`);
  });
}

test.after(() => {
  const score = caught.filter(({ by }) => by !== undefined).length;
  const lines = caught.map(
    ({ mutant, by, why }) =>
      `  ${by === undefined ? 'GOT AWAY' : 'caught'}  ${mutant.name}: ${by ?? ''} ${why ?? ''}`,
  );
  if (process.env.VNET_VERBOSE !== undefined) process.stdout.write(`${lines.join('\n')}\n`);
  process.stdout.write(`mutants caught: ${score} of ${MUTANTS.length}\n`);
});

test.run();
