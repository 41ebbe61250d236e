/** The further wires of an initiator's Handler (PROTOCOL.md section 6.1): when they are dialled, stand, break and are dialled again. */
import type { HandlerEffects, InitiatorEvent } from './events.ts';
import { type InitiatorContext, redialDelay } from './initiator-context.ts';
import {
  because,
  initiatorSetup,
  jitterOf,
  type Of,
  release,
  type Scope,
  wireOfTimer,
} from './initiator-setup.ts';
import { missingWires, type WiresContext, wiresOf, withoutWire, withoutWires, withWire } from './wires.ts';

/** What a Handler of one wire does without, as those did before there were several. */
export function several(most: number): { readonly wires?: WiresContext } {
  return most > 1 ? { wires: wiresOf(most) } : {};
}

/** Of a Handler that may have several wires: none stands. */
export function noWires({ wires }: InitiatorContext): { readonly wires?: WiresContext } {
  return wires === undefined ? {} : { wires: withoutWires(wires) };
}
/** Changes what is known of the wires; a Handler of one wire knows nothing of them. */
export const setWires = (change: (wires: WiresContext, scope: Scope) => WiresContext) =>
  initiatorSetup.assign(({ context, event }) =>
    context.wires === undefined ? {} : { wires: change(context.wires, { context, event }) },
  );
/** This wire is gone: it is dialled again after a while, the Handler goes on over the others. */
const redialWire = (wireOf: (event: InitiatorEvent) => number) =>
  [
    setWires((wires, { context, event }) => {
      const stood = event.type === 'wire-lost' || event.type === 'bye' ? (event.stood ?? 0) : 0;
      return withoutWire(wires, wireOf(event), stood >= context.limits.stable);
    }),
    {
      type: 'arm',
      params: (scope: Scope) => {
        const wire = wireOf(scope.event);
        const attempt = (scope.context.wires?.attempts[wire] ?? 1) - 1;
        return {
          timer: `wire-${wire}` as const,
          ms: redialDelay(scope.context.limits, attempt, jitterOf(scope)),
        };
      },
    },
  ] as const;
/** What BEGIN says of us, and how many wires it asks for. */
export function beginTerms({ mtu, options, limits }: InitiatorContext): HandlerEffects['sayBegin'] {
  const most = options.wires ?? limits.wires ?? 1;
  return { mtu: mtu ?? 0, ...(most > 1 ? { wires: most } : {}) };
}
const dialWires = (which: (scope: Scope) => readonly number[]) =>
  ({
    type: 'dialWires',
    params: (scope: Scope) => ({ dial: which(scope), ...beginTerms(scope.context) }),
  }) as const;
const lostWire = (event: InitiatorEvent): number => (event as Of<'wire-lost'>).wire ?? 0;

/** One of several broke, and another one stands. */
export const lostOneOfSeveral = { guard: 'othersStand', actions: redialWire(lostWire) } as const;
export const replacedOneOfSeveral = { guard: 'replacedOneOfSeveral', actions: redialWire(lostWire) } as const;

/** The delay of one that broke is over. */
export const wireTimer = {
  guard: 'wireTimer',
  actions: [dialWires(({ event }) => [wireOfTimer((event as Of<'timer'>).timer) ?? 0])],
} as const;

/** What else happens to them in `binary`. */
export const furtherWires = {
  far: {
    guard: 'maySpread',
    actions: [
      setWires((wires) => ({ ...wires, far: true })),
      dialWires(({ context }) => (context.wires === undefined ? [] : missingWires(context.wires))),
    ],
  },
  'wire-up': {
    guard: 'awaitsWire',
    actions: [
      setWires((wires, { event }) => withWire(wires, (event as Of<'wire-up'>).wire)),
      initiatorSetup.assign({
        farMtu: ({ context, event }) => (event as Of<'wire-up'>).mtu ?? context.farMtu,
      }),
      {
        type: 'connectWire',
        params: ({ context, event }: Scope) => ({
          wire: (event as Of<'wire-up'>).wire,
          offload: context.offload,
          farMtu: context.farMtu ?? 0,
        }),
      },
    ],
  },
  'wire-failed': [
    {
      guard: 'awaitsWireAndFinal',
      target: '#initiator.closed',
      actions: [because((event) => `wire ${(event as Of<'wire-failed'>).wire}: 410`), ...release],
    },
    {
      guard: 'awaitsWire',
      actions: redialWire((event) => (event as Of<'wire-failed'>).wire),
    },
  ],
} as const;
