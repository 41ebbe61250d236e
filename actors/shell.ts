/**
 * The shell of a machine: it holds the snapshot, and does for every event the same three things in the same order.
 * The machine says what follows; the record is committed; only then are the effects carried out.
 */
import type { AnyStateMachine, EventFromLogic, InputFrom, SnapshotFrom } from 'xstate';
import { initialTransition, transition } from 'xstate';
import { CREATED, type LogEvent } from '../machines/log/record.ts';
import type { Definition, Snapshot } from '../machines/log/registry.ts';
import type { Entry } from './recorder/entry.ts';

/** What the shells need of the recorder. */
export interface Journal {
  /** Records a transition, and runs its effects after that. */
  commit(entry: Entry, effects: () => void): void;
  /** The same for a transition that must not be made without its record. @returns false when it could not be written */
  tryCommit(entry: Entry, effects: () => void): boolean;
}

interface Action {
  readonly type: string;
  readonly params?: unknown;
}

/** One effect as a machine asks for it. */
export interface AnyEffect {
  readonly type: string;
  readonly params: unknown;
}

type ContextOf<M extends AnyStateMachine> = SnapshotFrom<M> extends { context: infer C } ? C : never;

/** Carries out one kind of effect each. */
export type EffectTable<E extends AnyEffect> = {
  readonly [T in E['type']]: (params: Extract<E, { readonly type: T }>['params']) => void;
};

/** What others than its owner may know of a shell. */
export interface ShellView {
  readonly actor: string;
  readonly state: string;
  readonly done: boolean;
}

export class Shell<M extends AnyStateMachine, E extends AnyEffect> implements ShellView {
  readonly actor: string;
  readonly #journal: Journal;
  readonly #machine: M;
  readonly #definition: Definition;
  readonly #effects: EffectTable<E>;
  #snapshot: SnapshotFrom<M>;

  private constructor(
    journal: Journal,
    actor: string,
    machine: M,
    definition: Definition,
    effects: EffectTable<E>,
    snapshot: SnapshotFrom<M>,
  ) {
    this.#journal = journal;
    this.actor = actor;
    this.#machine = machine;
    this.#definition = definition;
    this.#effects = effects;
    this.#snapshot = snapshot;
  }

  /** A new actor: its creation is its first record. */
  static create<M extends AnyStateMachine, E extends AnyEffect>(
    journal: Journal,
    actor: string,
    machine: M,
    definition: Definition,
    effects: EffectTable<E>,
    input: InputFrom<M>,
  ): Shell<M, E> {
    const [snapshot, actions] = initialTransition(machine as AnyStateMachine, input as never);
    const shell = new Shell(journal, actor, machine, definition, effects, snapshot as SnapshotFrom<M>);
    shell.#commit({ type: CREATED, input: input as unknown }, '', actions);
    return shell;
  }

  /** An actor of an earlier run, as the fold of the log left it. */
  static restore<M extends AnyStateMachine, E extends AnyEffect>(
    journal: Journal,
    actor: string,
    machine: M,
    definition: Definition,
    effects: EffectTable<E>,
    snapshot: Snapshot,
  ): Shell<M, E> {
    return new Shell(journal, actor, machine, definition, effects, snapshot as unknown as SnapshotFrom<M>);
  }

  get state(): string {
    return this.#flat.value;
  }

  get context(): ContextOf<M> {
    return this.#flat.context as ContextOf<M>;
  }

  get done(): boolean {
    return this.#flat.status === 'done';
  }

  /**
   * @param aside runs before the effects of this event, once the event is on record
   * @returns false when the state does not take the event: nothing happened then, and nothing is recorded
   */
  send(event: EventFromLogic<M>, aside?: () => void): boolean {
    const before = this.#snapshot;
    if (this.done) return false;
    const [after, actions] = transition(this.#machine, before, event);
    if (after === before && actions.length === 0) return false;
    const from = this.state;
    this.#snapshot = after;
    this.#commit(event as unknown as LogEvent, from, actions, aside);
    return true;
  }

  /**
   * The same for an event that changes nothing unless it is on record. When it is `unrecorded`, because the log cannot
   * be written, the actor is as it was, and nothing follows.
   */
  trySend(event: EventFromLogic<M>, aside?: () => void): 'taken' | 'ignored' | 'unrecorded' {
    const before = this.#snapshot;
    if (this.done) return 'ignored';
    const [after, actions] = transition(this.#machine, before, event);
    if (after === before && actions.length === 0) return 'ignored';
    const entry = this.#entry(event as unknown as LogEvent, this.state, after as unknown as Snapshot);
    const written = this.#journal.tryCommit(entry, () => this.#carryOut(actions, aside));
    if (!written) return 'unrecorded';
    this.#snapshot = after;
    return 'taken';
  }

  get #flat(): Snapshot {
    return this.#snapshot as unknown as Snapshot;
  }

  #commit(event: LogEvent, from: string, actions: readonly Action[], aside?: () => void): void {
    this.#journal.commit(this.#entry(event, from, this.#flat), () => this.#carryOut(actions, aside));
  }

  #entry(event: LogEvent, from: string, snapshot: Snapshot): Entry {
    const { name, version } = this.#definition;
    return { actor: this.actor, machine: name, version, event, from, to: snapshot.value, snapshot };
  }

  #carryOut(actions: readonly Action[], aside: (() => void) | undefined): void {
    aside?.();
    for (const action of actions) this.#run(action);
  }

  #run(action: Action): void {
    const carryOut = this.#effects[action.type as E['type']] as ((params: unknown) => void) | undefined;
    if (carryOut === undefined) throw new Error(`${this.actor}: no effect is called ${action.type}`);
    carryOut(action.params);
  }
}
