/** Which states, transitions and error reasons of the model were seen on the server. */
import type { AnyStateMachine } from 'xstate';
import { REASONS, type Reason } from '../../../machines/protocol/errors.ts';
import { statesOf, transitionsOf } from './model/graph.ts';
import { MODELS } from './model/models.ts';

export type MachineName = keyof typeof MODELS;

/** One kind of thing to be covered. */
export interface Tally {
  readonly what: string;
  readonly covered: readonly string[];
  /** With why it cannot be reached on this server, or at all. */
  readonly beyond: readonly { readonly item: string; readonly why: string }[];
  /** Could have been reached, and was not. */
  readonly missed: readonly string[];
}

export class Coverage {
  readonly #states = new Set<string>();
  readonly #transitions = new Set<string>();
  readonly #reasons = new Set<Reason>();

  state(machine: MachineName, state: string): void {
    this.#states.add(`${machine}.${state}`);
  }

  transition(machine: MachineName, key: string): void {
    this.#transitions.add(`${machine}.${key}`);
  }

  reason(reason: Reason): void {
    this.#reasons.add(reason);
  }

  /** Takes up what another run has seen. */
  add(other: Coverage): void {
    for (const each of other.#states) this.#states.add(each);
    for (const each of other.#transitions) this.#transitions.add(each);
    for (const each of other.#reasons) this.#reasons.add(each);
  }

  /** @param why tells for an item why it cannot be reached; undefined where it can */
  tallies(why: (item: string) => string | undefined): readonly Tally[] {
    const all = (items: (machine: AnyStateMachine) => readonly string[]) =>
      Object.entries(MODELS).flatMap(([name, machine]) => items(machine).map((item) => `${name}.${item}`));
    return [
      tally('states', all(statesOf), this.#states, why),
      tally('transitions', all(transitionsOf), this.#transitions, why),
      tally('error reasons', REASONS, this.#reasons, why),
    ];
  }
}

function tally(
  what: string,
  items: readonly string[],
  seen: ReadonlySet<string>,
  why: (item: string) => string | undefined,
): Tally {
  const covered: string[] = [];
  const missed: string[] = [];
  const beyond: { item: string; why: string }[] = [];
  for (const item of items) {
    const reason = why(item);
    if (seen.has(item)) covered.push(item);
    else if (reason === undefined) missed.push(item);
    else beyond.push({ item, why: reason });
  }
  return { what, covered, missed, beyond };
}
