/**
 * From a machine to test cases: every event in every state, each with the shortest way there. The graph is xstate's
 * (`xstate/graph`); the snapshots are folded again along each way, so that their contexts belong to it.
 */
import { type AnyStateMachine, initialTransition, transition } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

export interface Effect {
  readonly type: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** A snapshot as the suite looks at it. */
export interface View<C> {
  readonly value: string;
  readonly context: C;
  readonly status: string;
}

/** An event with the name that its stimulus goes by. */
export interface Labelled {
  readonly type: string;
  readonly label: string;
}

export interface Step<C, E extends Labelled> {
  readonly from: View<C>;
  readonly event: E;
  readonly to: View<C>;
  readonly effects: readonly Effect[];
  /** The transition taken, as `transitionsOf` names it; undefined when the state does not take the event. */
  readonly key: string | undefined;
}

/** One event in one state, and the way there. */
export interface Edge<E extends Labelled> {
  /** The state that it begins in, for the name of the case. */
  readonly at: string;
  readonly way: readonly E[];
  readonly event: E;
}

export interface Model<C, E extends Labelled> {
  readonly machine: AnyStateMachine;
  readonly input: unknown;
  readonly events: readonly E[];
  /** Two snapshots with the same text are the same state. */
  serialize(view: View<C>): string;
  /** Whether the outside world can bring this about in this state. */
  feasible(view: View<C>, event: E): boolean;
}

/** `unauthenticated`, `authenticated`, … */
export function statesOf(machine: AnyStateMachine): readonly string[] {
  return Object.values(machine.root.states)
    .filter((node) => node.type === 'final' || hasWayIn(machine, node.key))
    .map((node) => node.key);
}

/** States that a machine names without ever being in them (they keep the five names of section 4) do not count. */
function hasWayIn(machine: AnyStateMachine, key: string): boolean {
  const nodes = [machine.root, ...Object.values(machine.root.states)];
  const targets = nodes
    .flatMap((node) => [...node.transitions.values()].flat())
    .flatMap((t) => t.target ?? []);
  return (
    machine.root.initial.target.some((node) => node.key === key) || targets.some((node) => node.key === key)
  );
}

/** Every transition by name: `state.event` or `*.event` for one that all states share, with its place among its guards. */
export function transitionsOf(machine: AnyStateMachine): readonly string[] {
  const keys: string[] = [];
  for (const node of [machine.root, ...Object.values(machine.root.states)]) {
    const state = node === machine.root ? '*' : node.key;
    for (const [event, list] of node.transitions) {
      for (const index of list.keys()) keys.push(keyOf(state, event, index, list.length));
    }
  }
  return keys;
}

function keyOf(state: string, event: string, index: number, count: number): string {
  return count === 1 ? `${state}.${event}` : `${state}.${event}[${index}]`;
}

function takenKey(machine: AnyStateMachine, snapshot: never, event: Labelled): string | undefined {
  const [taken] = machine.getTransitionData(snapshot, event);
  if (taken === undefined) return undefined;
  const node = taken.source;
  const list = node.transitions.get(taken.eventType) ?? [];
  const state = node === machine.root ? '*' : node.key;
  return keyOf(state, taken.eventType, list.indexOf(taken), list.length);
}

/** The machine in its first state, with the effects of that. */
export function begin<C>(
  machine: AnyStateMachine,
  input: unknown,
): { view: View<C>; effects: readonly Effect[] } {
  const [snapshot, actions] = initialTransition(machine, input as never);
  return { view: snapshot as unknown as View<C>, effects: actions as unknown as readonly Effect[] };
}

/** One event. */
export function step<C, E extends Labelled>(machine: AnyStateMachine, from: View<C>, event: E): Step<C, E> {
  const key = from.status === 'done' ? undefined : takenKey(machine, from as never, event);
  const [to, actions] = transition(machine, from as never, event as never);
  return { from, event, to: to as unknown as View<C>, effects: actions as unknown as readonly Effect[], key };
}

/** Every feasible event in every state that can be reached, in an order that is always the same. */
export function edgesOf<C, E extends Labelled>(model: Model<C, E>): readonly Edge<E>[] {
  const feasible = (snapshot: unknown, event: unknown) => {
    const view = snapshot as View<C>;
    return view.status !== 'done' && model.feasible(view, event as E);
  };
  const paths = getShortestPaths(model.machine, {
    input: model.input as never,
    events: model.events as never,
    serializeState: (snapshot) => model.serialize(snapshot as unknown as View<C>) as never,
    serializeEvent: (event) => (event as unknown as E).label as never,
    filterEvents: feasible,
  });
  const edges: Edge<E>[] = [];
  for (const { steps } of paths) {
    const way = steps.map(({ event }) => event as unknown as E).filter(({ type }) => type !== 'xstate.init');
    const end = fold(model, way);
    for (const event of model.events) {
      if (feasible(end, event)) edges.push({ at: model.serialize(end), way, event });
    }
  }
  return edges;
}

function fold<C, E extends Labelled>(model: Model<C, E>, way: readonly E[]): View<C> {
  let view = begin<C>(model.machine, model.input).view;
  for (const event of way) view = step<C, E>(model.machine, view, event).to;
  return view;
}
