/** What a transition changed in an actor's context. */

/** One place: `attempt`, `remote.url`, `macs`. A value that is not there is undefined. */
export interface Change {
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Objects are gone into, lists are compared as a whole. Keys in their own order, those that went away last. */
export function changes(before: unknown, after: unknown): readonly Change[] {
  const found: Change[] = [];
  compare(before, after, '', found);
  return found;
}

function compare(before: unknown, after: unknown, path: string, found: Change[]): void {
  if (before === after) return;
  if (isFields(before) && isFields(after)) {
    for (const key of new Set([...Object.keys(after), ...Object.keys(before)])) {
      compare(before[key], after[key], path === '' ? key : `${path}.${key}`, found);
    }
  } else if (JSON.stringify(before) !== JSON.stringify(after)) {
    found.push({ path, before, after });
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `attempt: 0 → 1`, without LF. */
export function changeText({ path, before, after }: Change): string {
  return `${path}: ${valueText(before)} → ${valueText(after)}`;
}

function valueText(value: unknown): string {
  return value === undefined ? '(none)' : JSON.stringify(value);
}
