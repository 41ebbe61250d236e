import { randomBytes } from 'node:crypto';
import type { Chance } from './ports.ts';

/** Randomness from the kernel. */
export function realChance(): Chance {
  return {
    id: (bytes) => randomBytes(bytes).toString('hex'),
    fraction: () => randomBytes(4).readUInt32BE() / 2 ** 32,
  };
}
