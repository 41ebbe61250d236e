/**
 * The wires of an initiator beyond the one that it began with: each is dialled by itself, says HELLO, and JOIN; wire 0,
 * when it broke while others stand, says BEGIN again.
 */
import type { Timer } from '../../io/ports.ts';
import type { HandlerEffects, InitiatorEvent } from '../../machines/handler/events.ts';
import type { InitiatorContext } from '../../machines/handler/initiator.ts';
import { type DialledWire, Dialler } from './dialler.ts';
import type { HandlerWorld } from './world.ts';

/** How a dial for one wire ended. */
export type WireOutcome = Extract<InitiatorEvent, { readonly type: 'wire-up' | 'wire-failed' }>;

interface Dial {
  readonly dialler: Dialler;
  readonly limit: Timer;
}

export class FurtherWires {
  readonly #dials = new Map<number, Dial>();

  /** @param tell hears once how each dial ended; `text` is for people */
  constructor(
    private readonly world: HandlerWorld,
    private readonly tell: (outcome: WireOutcome, text: string) => void,
  ) {}

  /** Dials for one number; a dial for it that is under way is given up. */
  dial(handler: InitiatorContext, number: number, terms: HandlerEffects['sayBegin']): void {
    this.#abort(number);
    let peer = '';
    const fail = (event: Omit<Extract<WireOutcome, { type: 'wire-failed' }>, 'type' | 'wire'>, text = '') => {
      if (this.#dials.get(number) !== dial) return;
      this.#abort(number);
      this.tell({ ...event, type: 'wire-failed', wire: number }, text);
    };
    const dialler: Dialler = new Dialler(this.world, handler, (event, text) => {
      if (this.#dials.get(number) !== dial) return;
      switch (event.type) {
        case 'dialled':
          peer = event.peer;
          dialler.sayHello();
          break;
        case 'hello-taken':
          if (number === 0) dialler.sayBegin(terms.mtu, terms.wires);
          else dialler.sayJoin(number);
          break;
        case 'begin-taken':
          this.tell({ type: 'wire-up', wire: number, peer, mtu: event.mtu }, '');
          break;
        case 'join-taken':
          this.tell({ type: 'wire-up', wire: number, peer }, '');
          break;
        case 'dial-failed': {
          const { type: _, ...why } = event;
          fail(why, text);
          break;
        }
      }
    });
    const limit = this.world.clock.after(handler.limits.dial, () =>
      fail(
        { reason: 'remote-timeout', final: false, jitter: this.world.chance.fraction() },
        'the other server did not answer in time',
      ),
    );
    const dial: Dial = { dialler, limit };
    this.#dials.set(number, dial);
    dialler.dial();
  }

  /** Hands the connection on that was told of as up; undefined when it is not there any more. */
  release(number: number): DialledWire | undefined {
    const dial = this.#dials.get(number);
    if (dial === undefined) return undefined;
    dial.limit.cancel();
    this.#dials.delete(number);
    return dial.dialler.release();
  }

  abort(): void {
    for (const number of [...this.#dials.keys()]) this.#abort(number);
  }

  #abort(number: number): void {
    const dial = this.#dials.get(number);
    if (dial === undefined) return;
    this.#dials.delete(number);
    dial.limit.cancel();
    dial.dialler.abort();
  }
}
