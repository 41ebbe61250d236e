/**
 * `npm run fuzz -- [--minutes N] [--target NAME] [--seed N]`: throws mutated inputs at everything that reads what
 * strangers send or what may be damaged. A crash is made small and kept in `spec/crashes/`, where every test run
 * plays it again. `npm run fuzz -- --native [--minutes N] [--seed N]`: attacks the addon, built with AddressSanitizer and
 * UBSan, by calls and by peers (`native/`); what it finds is found again by its seed, as far as the kernel's timing allows.
 * Exit status: 0 when nothing was found, 1 when something was, 2 on wrong usage or without what it needs.
 */
import { parseArgs } from 'node:util';
import { ensurePrivileges } from '../../tools/lab/privilege.ts';
import { fuzz, keep } from './engine.ts';
import { attackNative } from './native/run.ts';
import { missingSanitizers } from './native/sanitizers.ts';
import { TARGETS } from './targets.ts';

const number = { type: 'string' } as const;
const { values } = parseArgs({
  options: { minutes: number, target: number, seed: number, native: { type: 'boolean' } },
});
const minutes = Number(values.minutes ?? 1);
const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
if (targets.length === 0 || !(minutes > 0)) {
  process.stderr.write(
    `usage: npm run fuzz -- [--minutes N] [--native | --target ${TARGETS.map(({ name }) => name).join('|')}] [--seed N]\n`,
  );
  process.exit(2);
}
if (values.native) process.exit(await attackAddon());

/** Targets take turns, a few seconds each, with a new seed each time. */
const TURN_MS = Math.min(5_000, (minutes * 60_000) / targets.length);
let seed = Number(values.seed ?? Date.now() % 2 ** 32);
const end = performance.now() + minutes * 60_000;
const tried = new Map<string, number>();
let found = 0;

while (performance.now() < end && found < 20) {
  for (const target of targets) {
    const until = performance.now() + TURN_MS;
    const result = fuzz(target, seed, (count) => count % 64 !== 0 || performance.now() < until);
    tried.set(target.name, (tried.get(target.name) ?? 0) + result.tried);
    if (result.crash === undefined) continue;
    found++;
    const { error } = result.crash;
    process.stdout.write(
      `\n${target.name}, seed ${seed}: ${error.stack ?? error.message}\n  kept in ${keep(result.crash)}\n`,
    );
  }
  seed = (seed + 0x9e3779b9) >>> 0;
}
for (const [name, count] of tried) process.stdout.write(`${name.padEnd(14)} ${count} inputs\n`);
process.stdout.write(`${found} crashes found\n`);
process.exit(found > 0 ? 1 : 0);

async function attackAddon(): Promise<number> {
  const missing = missingSanitizers();
  if (missing !== undefined) {
    process.stderr.write(`fuzz --native: ${missing}: the addon cannot be built with AddressSanitizer\n`);
    return 2;
  }
  await ensurePrivileges();
  const seed = Number(values.seed ?? Date.now() % 2 ** 32);
  const attacks = await attackNative(minutes * 60, seed);
  for (const { what, counts, found } of attacks) {
    const told = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
    process.stdout.write(`${what}, seed ${seed}: ${found ?? `nothing found; ${told.join(', ')}`}\n`);
  }
  return attacks.some(({ found }) => found !== undefined) ? 1 : 0;
}
