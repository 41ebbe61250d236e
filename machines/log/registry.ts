/**
 * Which machine definitions a log can be replayed with: by name and version, so that an old log meets the old
 * definition when a newer one stands beside it.
 */
import { type AnyActorScope, type AnyStateMachine, createActor } from 'xstate';

/**
 * A machine's snapshot. What counts in the log are these three; an XState snapshot has more, which is derived
 * from them. Never changed in place.
 */
export interface Snapshot {
  /** The name of the state; machines of the log are flat. */
  readonly value: string;
  /** Plain JSON. */
  readonly context: unknown;
  /** `active`, or `done` once a final state is reached: the actor then leaves the fold. */
  readonly status: string;
}

/** An effect that a transition asks for, as a reader of the log sees it. */
export interface EffectView {
  readonly type: string;
  readonly params?: unknown;
}

/** A state of a machine, as who draws it sees it. */
export interface StateView {
  readonly name: string;
  readonly final: boolean;
}

/** What comes of one event. */
export interface Stepped {
  readonly snapshot: Snapshot;
  /** In the order in which they are to be carried out, after the record. */
  readonly effects: readonly EffectView[];
}

/** One version of one machine, as pure functions. */
export interface Definition {
  readonly name: string;
  /** 1, 2, 3 … */
  readonly version: number;
  /** All of its states, in the order in which the machine declares them; an actor ends in a final one. */
  readonly states: readonly StateView[];
  /** The snapshot of a new actor. Throws what the machine throws on an input that makes no sense to it. */
  initial(input: unknown): Snapshot;
  /** The same reference comes back when the state does not take the event. */
  next(snapshot: Snapshot, event: unknown): Snapshot;
  /** A snapshot that `next` takes, from its three persisted fields. @throws Error when there is no such state */
  restore(persisted: Snapshot): Snapshot;
  /** A new actor, and what it wants done. */
  start(input: unknown): Stepped;
  /** One transition. The same snapshot and no effects come back when the state does not take the event. */
  step(snapshot: Snapshot, event: unknown): Stepped;
  /** The effects of creation (without snapshot: `event` is then the input) or of an event. */
  effects(snapshot: Snapshot | undefined, event: unknown): readonly EffectView[];
}

/** A definition that knows the types of its machine. */
export interface DefinitionOf<M extends AnyStateMachine> extends Definition {
  readonly machine: M;
}

/** Definitions by `name@version`. */
export type MachineTable = ReadonlyMap<string, Definition>;

/** @throws Error when two definitions have the same name and version */
export function machineTable(definitions: Iterable<Definition>): MachineTable {
  const table = new Map<string, Definition>();
  for (const definition of definitions) {
    const key = machineKey(definition.name, definition.version);
    if (table.has(key)) throw new Error(`two machine definitions are called ${key}`);
    table.set(key, definition);
  }
  return table;
}

export function machineKey(name: string, version: number): string {
  return `${name}@${version}`;
}

/**
 * Makes a definition of an XState machine. It has to be flat (no nested or parallel states), pure, and without
 * `invoke`, `after`, spawned actors and history states, none of which survive in the three fields of a snapshot.
 */
export function define<M extends AnyStateMachine>(
  machine: M,
  name: string,
  version: number,
): DefinitionOf<M> {
  let asked: EffectView[] = [];
  const scope = inertScope(machine, ({ type, params }) =>
    asked.push(params === undefined ? { type } : { type, params }),
  );
  /** Makes one step, and takes along what it asks for. */
  const collect = (make: () => unknown): Stepped => {
    asked = [];
    const snapshot = flat(make());
    return { snapshot, effects: asked };
  };
  const start = (input: unknown) => collect(() => machine.getInitialSnapshot(scope, input));
  const step = (snapshot: Snapshot, event: unknown) =>
    collect(() => machine.transition(native(snapshot), event as never, scope));
  return {
    machine,
    name,
    version,
    states: Object.values(machine.states).map(({ key, type }) => ({ name: key, final: type === 'final' })),
    start,
    step,
    initial: (input) => start(input).snapshot,
    next: (snapshot, event) => step(snapshot, event).snapshot,
    restore(persisted) {
      if (!Object.hasOwn(machine.states, persisted.value)) {
        throw new Error(`machine ${machineKey(name, version)} has no state '${persisted.value}'`);
      }
      const { value, context } = persisted;
      return flat(machine.resolveState({ value, context, status: persisted.status as 'active' }));
    },
    effects: (snapshot, event) => (snapshot === undefined ? start(event) : step(snapshot, event)).effects,
  };
}

/**
 * What XState's `transition` makes anew for every call, at the price of the call (it runs the machine's context
 * factory, too, without an input). A pure flat machine leaves nothing behind in it, so one serves for all.
 */
function inertScope(
  machine: AnyStateMachine,
  actionExecutor: AnyActorScope['actionExecutor'],
): AnyActorScope {
  const self = createActor(machine);
  const nothing = () => {};
  return {
    self,
    system: self.system,
    id: '',
    sessionId: '',
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor,
  };
}

type NativeSnapshot = Parameters<AnyStateMachine['transition']>[0];

function native(snapshot: Snapshot): NativeSnapshot {
  return snapshot as unknown as NativeSnapshot;
}

function flat(snapshot: unknown): Snapshot {
  const result = snapshot as Snapshot;
  if (typeof result.value !== 'string') throw new Error(`state ${JSON.stringify(result.value)} is not flat`);
  return result;
}
