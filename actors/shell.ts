/**
 * The shell of a machine: it holds the snapshot, and does for every event the same three things in the same order.
 * The machine says what follows; the record is committed; only then are the effects carried out.
 */
import type { AnyStateMachine, EventFromLogic, InputFrom, SnapshotFrom } from 'xstate';
import type { LiveActor } from '../machines/log/fold.ts';
import { CREATED, type LogEvent } from '../machines/log/record.ts';
import type { Definition, DefinitionOf, EffectView, Snapshot, Stepped } from '../machines/log/registry.ts';
import type { Entry } from './recorder/entry.ts';

/** What the shells need of the recorder. */
export interface Journal {
  /** Records a transition, and runs its effects after that. */
  commit(entry: Entry, effects: () => void): void;
  /** The same for a transition that must not be made without its record. @returns false when it could not be written */
  tryCommit(entry: Entry, effects: () => void): boolean;
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
  readonly #definition: Definition;
  readonly #effects: EffectTable<E>;
  #snapshot: Snapshot;

  private constructor(
    journal: Journal,
    actor: string,
    { definition, snapshot }: LiveActor,
    effects: EffectTable<E>,
  ) {
    this.#journal = journal;
    this.actor = actor;
    this.#definition = definition;
    this.#effects = effects;
    this.#snapshot = snapshot;
  }

  /** A new actor: its creation is its first record. */
  static create<M extends AnyStateMachine, E extends AnyEffect>(
    journal: Journal,
    actor: string,
    definition: DefinitionOf<M>,
    effects: EffectTable<E>,
    input: InputFrom<M>,
  ): Shell<M, E> {
    const { snapshot, effects: asked } = definition.start(input);
    const shell = new Shell<M, E>(journal, actor, { definition, snapshot }, effects);
    shell.#commit({ type: CREATED, input: input as unknown }, '', asked);
    return shell;
  }

  /** An actor of an earlier run, as the fold of the log left it. It goes on with the version it was made with. */
  static restore<M extends AnyStateMachine, E extends AnyEffect>(
    journal: Journal,
    actor: string,
    live: LiveActor,
    effects: EffectTable<E>,
  ): Shell<M, E> {
    return new Shell<M, E>(journal, actor, live, effects);
  }

  get state(): string {
    return this.#snapshot.value;
  }

  get context(): ContextOf<M> {
    return this.#snapshot.context as ContextOf<M>;
  }

  get done(): boolean {
    return this.#snapshot.status === 'done';
  }

  /**
   * @param aside runs before the effects of this event, once the event is on record
   * @returns false when the state does not take the event: nothing happened then, and nothing is recorded
   */
  send(event: EventFromLogic<M>, aside?: () => void): boolean {
    const stepped = this.#step(event);
    if (stepped === undefined) return false;
    const from = this.state;
    this.#snapshot = stepped.snapshot;
    this.#commit(event as unknown as LogEvent, from, stepped.effects, aside);
    return true;
  }

  /**
   * The same for an event that changes nothing unless it is on record. When it is `unrecorded`, because the log cannot
   * be written, the actor is as it was, and nothing follows.
   */
  trySend(event: EventFromLogic<M>, aside?: () => void): 'taken' | 'ignored' | 'unrecorded' {
    const stepped = this.#step(event);
    if (stepped === undefined) return 'ignored';
    const { snapshot, effects } = stepped;
    const entry = this.#entry(event as unknown as LogEvent, this.state, snapshot);
    if (!this.#journal.tryCommit(entry, () => this.#carryOut(effects, aside))) return 'unrecorded';
    this.#snapshot = snapshot;
    return 'taken';
  }

  /** Undefined when the state does not take the event. */
  #step(event: EventFromLogic<M>): Stepped | undefined {
    if (this.done) return undefined;
    const stepped = this.#definition.step(this.#snapshot, event);
    return stepped.snapshot === this.#snapshot && stepped.effects.length === 0 ? undefined : stepped;
  }

  #commit(event: LogEvent, from: string, actions: readonly EffectView[], aside?: () => void): void {
    this.#journal.commit(this.#entry(event, from, this.#snapshot), () => this.#carryOut(actions, aside));
  }

  #entry(event: LogEvent, from: string, snapshot: Snapshot): Entry {
    const { name, version } = this.#definition;
    return { actor: this.actor, machine: name, version, event, from, to: snapshot.value, snapshot };
  }

  #carryOut(actions: readonly EffectView[], aside: (() => void) | undefined): void {
    aside?.();
    for (const action of actions) this.#run(action);
  }

  #run(action: EffectView): void {
    const carryOut = this.#effects[action.type as E['type']] as ((params: unknown) => void) | undefined;
    if (carryOut === undefined) throw new Error(`${this.actor}: no effect is called ${action.type}`);
    carryOut(action.params);
  }
}
