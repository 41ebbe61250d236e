/** Machines as pure functions: what each event does in each situation, as one line of text. */
import * as assert from 'uvu/assert';
import type { Definition, EffectView, Snapshot } from '../../../machines/log/registry.ts';

export interface AnyEvent {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** The snapshot after these events; each has to be taken. */
export function after(definition: Definition, input: unknown, ...events: readonly AnyEvent[]): Snapshot {
  let { snapshot } = definition.start(input);
  for (const event of events) {
    const next = definition.step(snapshot, event);
    assert.is.not(next.snapshot, snapshot, `${event.type} is not taken in ${snapshot.value}`);
    snapshot = next.snapshot;
  }
  return snapshot;
}

/** `state: effect(params) effect(params) …`; `ignored` when the state does not take the event. */
export function outcome(definition: Definition, snapshot: Snapshot, event: AnyEvent): string {
  const before = JSON.stringify(snapshot);
  const { snapshot: next, effects } = definition.step(snapshot, event);
  assert.is(JSON.stringify(snapshot), before, 'a snapshot is never changed in place');
  // The same again gives the same: nothing but the event and the three fields of the snapshot count.
  const again = definition.step(
    definition.restore(JSON.parse(before)),
    JSON.parse(JSON.stringify(event)) as AnyEvent,
  );
  assert.equal(again.effects, effects);
  assert.equal(JSON.parse(JSON.stringify(again.snapshot.context)), JSON.parse(JSON.stringify(next.context)));
  if (next === snapshot && effects.length === 0) return 'ignored';
  return [`${next.value}:`, ...effects.map(formatEffect)].join(' ').replace(/:$/, '');
}

/** The effects with which an actor begins. */
export function beginning(definition: Definition, input: unknown): string {
  const { snapshot, effects } = definition.start(input);
  return [`${snapshot.value}:`, ...effects.map(formatEffect)].join(' ');
}

function formatEffect({ type, params }: EffectView): string {
  const words = leaves(params).join(' ');
  return words === '' ? type : `${type}(${words})`;
}

/** Every plain value in it, in order; of nested objects the values, too. */
function leaves(value: unknown): string[] {
  if (value === undefined || value === null) return value === null ? ['-'] : [];
  if (typeof value !== 'object') return [String(value)];
  return Object.values(value).flatMap(leaves);
}

/**
 * Checks a whole machine: in each situation exactly the listed events are taken, with exactly that outcome, and all
 * others are ignored.
 */
export function checkAll<S extends string>(
  definition: Definition,
  situations: { readonly [K in S]: Snapshot },
  events: Readonly<Record<string, AnyEvent>>,
  taken: { readonly [K in S]: Readonly<Record<string, string>> },
): void {
  const actual: Record<string, Record<string, string>> = {};
  for (const [name, snapshot] of Object.entries<Snapshot>(situations)) {
    const outcomes = Object.entries(events).map(
      ([label, event]) => [label, outcome(definition, snapshot, event)] as const,
    );
    actual[name] = Object.fromEntries(outcomes.filter(([, text]) => text !== 'ignored'));
  }
  for (const name of Object.keys(situations)) assert.equal(actual[name], taken[name as S], name);
}
