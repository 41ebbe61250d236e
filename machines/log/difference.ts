/**
 * Where two JSON values first differ, in the order of sorted keys: `handler:3f….context.macs.0`.
 * A key whose value is undefined counts as absent. @returns an empty string when they are equal
 */
export function firstDifference(left: unknown, right: unknown): string {
  return differ(left, right, []) ?? '';
}

function differ(left: unknown, right: unknown, path: readonly string[]): string | undefined {
  if (Object.is(left, right) || (left === 0 && right === 0)) return undefined;
  if (!isContainer(left) || !isContainer(right) || Array.isArray(left) !== Array.isArray(right)) {
    return path.join('.') || '(the whole)';
  }
  for (const key of [...new Set([...Object.keys(left), ...Object.keys(right)])].sort()) {
    const found = differ(own(left, key), own(right, key), [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function own(container: object, key: string): unknown {
  return Object.hasOwn(container, key) ? (container as Record<string, unknown>)[key] : undefined;
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
