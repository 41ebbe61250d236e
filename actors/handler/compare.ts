/** Comparing plain JSON values. */

/** Whether two plain JSON values are the same, in whatever order their keys stand. */
export function deepEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const [leftKeys, rightKeys] = [Object.keys(left), Object.keys(right)];
  if (leftKeys.length !== rightKeys.length) return false;
  return leftKeys.every(
    (key) =>
      Object.hasOwn(right, key) &&
      deepEqual((left as Record<string, unknown>)[key], (right as Record<string, unknown>)[key]),
  );
}

/** A MAC address that stands in both lists. */
export function sharedMac(left: readonly string[], right: readonly string[]): string | undefined {
  const set = new Set(left);
  return right.find((mac) => set.has(mac));
}
