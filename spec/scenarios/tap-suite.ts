import { suite, type Test } from 'uvu';
import { tapPossible } from '../../tools/lab/privilege.ts';

const nothing = () => {};

/** A suite whose tests need TAP interfaces: where /dev/net/tun cannot be opened they are skipped, and it says so. */
export function tapSuite(name: string): Test {
  const test = suite(name);
  if (tapPossible()) return test;
  process.stdout.write(`\n    SKIPPED: ${name}: /dev/net/tun cannot be opened here, so there are no TAPs\n`);
  const skipping = (title?: string) => test.skip(title);
  return Object.assign(skipping, test, { before: nothing, after: nothing }) as unknown as Test;
}
