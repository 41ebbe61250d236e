/**
 * A soak on real kernels: two servers in network namespaces, traffic, and faults at random (docs/TESTING.md).
 *
 *     npm run soak -- [--minutes N] [--seed S]
 *
 * Prints what happens, and the figures at the end. Exit status 0 when all was well, 1 when not, 2 for wrong options.
 */
import { parseArgs } from 'node:util';
import { ensurePrivileges } from '../../tools/lab/privilege.ts';
import { type SoakFigures, soak } from './soak.ts';

const print = (text: string): void => void process.stdout.write(`${text}\n`);

export function report(figures: SoakFigures): string {
  const { seconds, faults, traffic, handledAgain, recovery, start, end, mostMemory } = figures;
  const count = Object.values(faults).reduce((sum, each) => sum + each, 0);
  const kinds = Object.entries(faults).map(([name, times]) => `${name} ${times}`);
  return [
    `${seconds} s, ${count} faults survived: ${kinds.join(', ')}`,
    `${traffic.transfers} transfers with equal SHA-256 (${traffic.mebibytes} MiB), ${traffic.brokenOff} broken off by faults`,
    `${traffic.pings} pings, ${traffic.lost} lost during faults, ${traffic.duplicates} answered twice`,
    `${handledAgain} Handlers asked for again after their device was deleted`,
    `all VMs reached again after ${recovery.median} ms (median), ${recovery.longest} ms (longest)`,
    `memory of both servers ${start.memory} MiB at the start, ${end.memory} MiB at the end, ${mostMemory} MiB at most`,
    `descriptors of both servers ${start.descriptors} at the start, ${end.descriptors} at the end`,
  ].join('\n');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string', default: '1' } },
  });
  const minutes = Number(values.minutes);
  const seed = Number(values.seed);
  if (!(minutes > 0)) throw new TypeError('--minutes is a number above 0');
  if (!Number.isSafeInteger(seed)) throw new TypeError('--seed is a whole number');
  await ensurePrivileges();
  print(report(await soak({ minutes, seed, tell: print })));
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
