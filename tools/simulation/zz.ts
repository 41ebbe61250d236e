import { play } from './history.ts';
import { planOf } from './plan.ts';

const [from, count, story] = process.argv.slice(2);
const t = performance.now();
const sum: Record<string, number> = {};
let bad = 0;
for (let seed = Number(from); seed < Number(from) + Number(count); seed++) {
  const tell = story ? (line: string) => console.log(line) : undefined;
  const t0 = performance.now();
  const { failure, figures } = await play(planOf(seed), tell);
  const dt = performance.now() - t0;
  if (dt > 500) console.log('slow', seed, Math.round(dt));
  for (const [k, v] of Object.entries(figures)) sum[k] = (sum[k] ?? 0) + v;
  if (failure) {
    bad++;
    console.log(seed, failure.slice(0, 400));
  }
}
console.log(bad, 'bad;', Math.round(performance.now() - t), 'ms', JSON.stringify(sum));
