/** Random walks through the machines; and that one which fails is told by its shortest form. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { walkCases } from '../../tools/vnet/conform/random-walks.ts';
import { runCases } from '../../tools/vnet/conform/runner.ts';
import { offeredMethods } from '../../tools/vnet/conform/suite.ts';
import { InProcess, type InProcessOptions } from './in-process.ts';
import { mangled } from './mutants/mangle.ts';

const SEED = Number(process.env.VNET_SEED ?? 1);
const WALKS = Number(process.env.VNET_WALKS ?? 16);

async function walk(options: InProcessOptions, only: string, walks: number, seed: number) {
  const target = await InProcess.start(options);
  try {
    const cases = walkCases(target, await offeredMethods(target), walks);
    const { outcomes, coverage } = await runCases(
      target,
      cases.filter(({ id }) => id === only),
      { seed },
    );
    return { outcome: outcomes[0]!, coverage };
  } finally {
    await target.close();
  }
}

const test = suite('conformance: random walks');

for (const machine of ['session', 'responder', 'initiator']) {
  test(`${WALKS} walks through the ${machine} machine, seed ${SEED}`, async () => {
    const { outcome } = await walk({ scheme: 'tcp' }, `walk/${machine}`, WALKS, SEED);
    assert.is(outcome.verdict, 'pass', [outcome.why, ...(outcome.story ?? [])].join('\n'));
  });
}

test('a walk that fails is made short', async () => {
  const fault = mangled({
    line: (line, { heard }) =>
      heard === 'STATUS?' && line.startsWith('OK count') ? ['OK count=0'] : undefined,
  });
  const { outcome } = await walk({ scheme: 'tcp', patience: 1_500, fault }, 'walk/session', 60, 1);
  assert.is(outcome.verdict, 'fail');
  assert.match(outcome.why ?? '', /OK count=\d+; got|expected OK count/);
  const [, way = ''] =
    /shortest way found \(seed -?\d+\): ([^\n]*?)(?: \/\*|$)/m.exec(outcome.why ?? '') ?? [];
  assert.is(way, 'HELLO password,STATUS?');
});

test('the same seed walks the same way', async () => {
  const [one, other] = [
    await walk({ scheme: 'tcp' }, 'walk/session', 4, 7),
    await walk({ scheme: 'tcp' }, 'walk/session', 4, 7),
  ];
  const seen = (ran: typeof one) => ran.coverage.tallies(() => undefined).map(({ covered }) => covered);
  assert.equal(seen(one), seen(other));
});

test.run();
