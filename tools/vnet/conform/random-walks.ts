/**
 * Random walks through the machines: sequences of events that each state takes, over real connections. A walk that
 * fails is made as short as it can be (fast-check), and its talk is told.
 */
import type { AsyncCommand } from 'fast-check';
import type { Case } from './case.ts';
import type { CaseContext } from './case-context.ts';
import { InitiatorDrive } from './drive/initiator.ts';
import { ResponderDrive } from './drive/responder.ts';
import { SessionDrive } from './drive/session.ts';
import type { Labelled, Model, View } from './model/graph.ts';
import { initiatorModel } from './model/initiator.ts';
import { responderModel } from './model/responder.ts';
import { sessionModel } from './model/session.ts';
import { fromOutside, type Target } from './target.ts';

const LONGEST = 24;

/** What a walk needs of a drive. */
interface Walker<E extends Labelled> {
  readonly view: { readonly value: string; readonly context: unknown; readonly status: string };
  take(event: E, rest: readonly E[]): Promise<void>;
  /** Whether the talk has come to where this event has its place, as far as the machine does not know. */
  ready?(event: E): boolean;
}

interface Kind<E extends Labelled> {
  readonly events: readonly E[];
  /** How many times as often as others an event comes: what leads on, in a crowd of what is refused. */
  weight?(event: E): number;
  /** What follows an event by itself, and is not to be waited for with anything else between. */
  follow(label: string): readonly string[];
  feasible(view: Walker<E>['view'], event: E): boolean;
  start(bench: CaseContext): Promise<Walker<E>>;
}

export function walkCases(target: Target, methods: readonly string[], walks: number): readonly Case[] {
  // Walked as from outside: no event of a walk takes power over the server.
  const outside = fromOutside(target);
  return [
    walkCase('session', walks, sessionKind(outside, methods)),
    walkCase('responder', walks, responderKind(outside)),
    walkCase('initiator', Math.ceil(walks / 4), initiatorKind(outside)),
  ];
}

/** Whoever takes the labels of a model as they are. */
const plain = <C, E extends Labelled>(model: Model<C, E>) => ({
  events: model.events,
  feasible: (view: Walker<E>['view'], event: E) => model.feasible(view as View<C>, event),
});

function sessionKind(
  target: Target,
  methods: readonly string[],
): Kind<ReturnType<typeof sessionModel>['events'][number]> {
  const model = sessionModel(target, methods);
  const { events, feasible } = plain(model);
  const follow = (label: string): readonly string[] => {
    if (label === `HELLO ${target.login.method}`) return ['verified'];
    if (label === 'CLOSE') return ['handler-closed'];
    return label === 'BEGIN' ? ['handler-up'] : [];
  };
  return {
    // A wrong secret makes the server slow; a walk begins with the right one.
    events: events.filter(({ type }) => type !== 'rejected' && type !== 'verified'),
    weight: ({ label }) =>
      label.startsWith('HELLO ') && !label.includes('(') ? 20 : (SESSION_WEIGHTS[label] ?? 1),
    follow,
    feasible,
    start: (bench) => SessionDrive.start(bench, model),
  };
}

function responderKind(target: Target): Kind<ReturnType<typeof responderModel>['events'][number]> {
  const model = responderModel(target);
  return { ...plain(model), follow: () => [], start: (bench) => ResponderDrive.start(bench, model) };
}

function initiatorKind(target: Target): Kind<ReturnType<typeof initiatorModel>['events'][number]> {
  const model = initiatorModel(target);
  const { events, feasible } = plain(model);
  return {
    events: events.filter(({ type }) => type !== 'begin-sent'),
    weight: ({ label }) => INITIATOR_WEIGHTS[label] ?? 1,
    follow: (label) => (label === 'HELLO taken' ? ['BEGIN sent'] : []),
    feasible,
    start: (bench) => InitiatorDrive.start(bench, model),
  };
}

function walkCase<E extends Labelled>(name: string, walks: number, kind: Kind<E>): Case {
  return {
    id: `walk/${name}`,
    title: `${walks} random walks through the ${name} machine`,
    section: '4',
    run: (bench) => walk(bench, walks, kind),
  };
}

async function walk<E extends Labelled>(bench: CaseContext, walks: number, kind: Kind<E>): Promise<void> {
  const { default: fc } = await import('fast-check');
  const steps = kind.events.flatMap((event) =>
    Array.from({ length: kind.weight?.(event) ?? 1 }, () => fc.constant(new Step(event, kind))),
  );
  let number = 0;
  let failed: CaseContext['story'] = [];
  const property = fc.asyncProperty(
    fc.commands(steps, { maxCommands: LONGEST, size: 'max' }),
    async (commands) => {
      const own = bench.within(`walk ${number++}`, fromOutside(bench.target));
      try {
        const real = await kind.start(own);
        await begin(real, kind);
        await fc.asyncModelRun(() => ({ model: real, real }), commands);
      } catch (error) {
        failed = own.story;
        throw error;
      } finally {
        await own.tidy();
      }
    },
  );
  const result = await fc.check(property, { numRuns: walks, seed: bench.seed, endOnFailure: false });
  if (!result.failed) return;
  bench.story.push(...failed);
  const way = String(result.counterexample?.[0] ?? '');
  const why =
    result.errorInstance instanceof Error ? result.errorInstance.message : String(result.errorInstance);
  throw new Error(`${why}\n  by the shortest way found (seed ${result.seed}): ${way}`);
}

/** A Handler opens its device by itself before anything else can happen to it. */
async function begin<E extends Labelled>(real: Walker<E>, kind: Kind<E>): Promise<void> {
  const event = kind.events.find(({ type }) => type === 'device-open');
  if (event !== undefined && kind.feasible(real.view, event)) await real.take(event, []);
}

class Step<E extends Labelled> implements AsyncCommand<Walker<E>, Walker<E>> {
  constructor(
    private readonly event: E,
    private readonly kind: Kind<E>,
  ) {}

  /** The model is the drive itself: its view is the machine's, folded by what was taken. */
  check(real: Readonly<Walker<E>>): boolean {
    const { view } = real;
    if (view.status === 'done' || !this.kind.feasible(view, this.event)) return false;
    return real.ready?.(this.event) ?? true;
  }

  async run(_: Walker<E>, real: Walker<E>): Promise<void> {
    const { follow, events } = this.kind;
    const rest = follow(this.event.label).map((label) => ({ ...FOLLOWERS[label], label }) as unknown as E);
    const known = rest.map((one) => events.find(({ label }) => label === one.label) ?? one);
    for (const [index, event] of [this.event, ...known].entries()) {
      // Where the line was refused nothing follows.
      if (index === 0 || this.kind.feasible(real.view, event)) await real.take(event, known.slice(index));
    }
  }

  toString(): string {
    return this.event.label;
  }
}

const SESSION_WEIGHTS: Readonly<Record<string, number>> = {
  HANDLE: 10,
  BEGIN: 3,
  CLOSE: 5,
  'STATS?': 5,
  WATCH: 5,
  'STATUS?': 5,
  'handler-up': 10,
};
const INITIATOR_WEIGHTS: Readonly<Record<string, number>> = {
  greeted: 6,
  'HELLO taken': 12,
  'BEGIN taken': 12,
  'first record': 6,
  'timer redial': 6,
};

/** Events that only follow others, as the models have them. */
const FOLLOWERS: Readonly<Record<string, object>> = {
  verified: { type: 'verified', identity: 'IDENTITY' },
  'BEGIN sent': { type: 'begin-sent' },
};
