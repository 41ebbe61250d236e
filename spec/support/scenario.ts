/** Tests of whole servers: each gets a world of its own, and what has to be true of every log is checked behind it. */
import { suite } from 'uvu';
import { MemoryWorld } from './world.ts';

/** Real milliseconds that one test may take; the clock of the world is not meant. */
const TIME_LIMIT_MS = 20_000;

export interface Scenarios {
  (name: string, play: (world: MemoryWorld) => Promise<void>): void;
  run(): void;
}

export function scenarios(subject: string): Scenarios {
  const test = suite(subject);
  const scenario = (name: string, play: (world: MemoryWorld) => Promise<void>): void =>
    void test(name, () => limited(name, run(play)));
  return Object.assign(scenario, { run: () => void test.run() });
}

async function run(play: (world: MemoryWorld) => Promise<void>): Promise<void> {
  const world = new MemoryWorld();
  await play(world);
  await world.finish();
}

async function limited(name: string, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${name}: not over within ${TIME_LIMIT_MS} ms`)),
      TIME_LIMIT_MS,
    );
  });
  await Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
