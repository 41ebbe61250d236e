import { setTimeout as delay } from 'node:timers/promises';

/** What a test does while it waits: real devices need real time, memory twins a turn of their virtual clock. */
export type LetTimePass = () => void | Promise<void>;

const aMoment: LetTimePass = () => delay(2).then(() => undefined);

/** Waits for a condition. @throws Error naming it when `deadline` milliseconds have passed */
export async function until(
  what: string,
  condition: () => boolean,
  settle: LetTimePass = aMoment,
  deadline = 15_000,
): Promise<void> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > deadline) throw new Error(`not within ${deadline} ms: ${what}`);
    await settle();
  }
}
