// runner: waits, at most 280 s
/** Two minutes of `npm run soak`, the same each time: faults at random on real kernels. The topology is in spec/soak/world.ts. */
import * as assert from 'uvu/assert';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { soak } from '../../soak/soak.ts';
import { tapSuite } from '../tap-suite.ts';

await ensurePrivileges();

const test = tapSuite('two minutes of faults at random');

test('all recovers by itself, nothing crosses twice or damaged, and nothing is left', async () => {
  const lines: string[] = [];
  const story = () => lines.join('\n');
  try {
    const { traffic, start, end } = await soak({ minutes: 2, seed: 4, tell: (line) => lines.push(line) });
    assert.is(traffic.duplicates, 0, story());
    assert.ok(traffic.transfers > 0, story());
    assert.ok(
      end.descriptors <= start.descriptors,
      `descriptors: ${start.descriptors}, then ${end.descriptors}`,
    );
    assert.ok(end.memory < start.memory + 100, `MiB: ${start.memory}, then ${end.memory}`);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${story()}`);
  }
});

test.run();
