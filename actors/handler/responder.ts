/** The Handler at the server that got BEGIN. */
import type { Link } from '../../io/ports.ts';
import type {
  CommonEvent,
  HandlerEffect,
  HandlerEffects,
  HandlerTimer,
  ResponderInput,
} from '../../machines/handler/events.ts';
import type { ResponderContext, responderMachine } from '../../machines/handler/responder.ts';
import { responderDefinition } from '../../machines/index.ts';
import type { LiveActor } from '../../machines/log/fold.ts';
import type { Refusal } from '../../machines/protocol/errors.ts';
import type { Begin } from '../../machines/protocol/types.ts';
import { Wire, type WireEvents } from '../packet-path/wire.ts';
import { type EffectTable, Shell } from '../shell.ts';
import { deepEqual } from './compare.ts';
import { refuseJoin } from './conflicts.ts';
import { HandlerActor } from './handler.ts';
import type { HandlerWorld } from './world.ts';

type ResponderEffect = Exclude<
  HandlerEffect,
  { type: 'dial' | 'sayHello' | 'sayBegin' | 'dialWires' | 'connectWire' }
>;

export class Responder extends HandlerActor {
  readonly shell: Shell<typeof responderMachine, ResponderEffect>;
  #terms: HandlerEffects['connect'] | undefined;
  /** The sessions whose connections are the wires, by their numbers. */
  readonly #wireSessions = new Map<number, string>();
  /** Sessions that JOINed and are still to hand their connection over. */
  readonly #joining = new Map<string, number>();

  constructor(
    world: HandlerWorld,
    ended: (handler: HandlerActor) => void,
    actor: string,
    origin: { readonly input: ResponderInput } | { readonly live: LiveActor },
  ) {
    super(world, ended);
    const effects: EffectTable<ResponderEffect> = {
      ...this.sharedEffects(),
      openDevice: () => {
        const { localDevice, farMtu, away } = this.context;
        world.devices.join(localDevice, this.actor, farMtu, away);
      },
      connect: (terms) => {
        this.#terms = terms;
        this.path?.doubtAllBut(0);
      },
      replaceWire: ({ wire }) => this.sayBye(wire, 'replaced'),
      remember: () => world.rememberClosed(this.context.id),
    };
    this.shell =
      'input' in origin
        ? Shell.create(world.journal, actor, responderDefinition, effects, origin.input)
        : Shell.restore(world.journal, actor, origin.live, effects);
  }

  get context(): ResponderContext {
    return this.shell.context;
  }

  /** BEGIN with this Handler's id, the same in all that counts. */
  begin(begin: Begin, session: string, peer: string): void {
    this.failure = 'another BEGIN with this id came meanwhile';
    const { options } = begin;
    const renew = deepEqual(options, this.context.options) ? () => undefined : () => this.renewPath();
    this.shell.send({ type: 'begin', session, peer, farMtu: begin.mtu, options }, renew);
  }

  /**
   * Remembered first: no crash between the two records is to let its initiator in again. Also of one that is just
   * ending by itself: CLOSE is answered OK, and it stays closed.
   */
  override close(session: string): void {
    this.world.rememberClosed(this.context.id);
    super.close(session);
  }

  /** JOIN. @returns what is wrong with it, when that has changed since it was looked at */
  join(wire: number, session: string): Refusal | undefined {
    for (const [other, number] of this.#joining) if (number === wire) this.#joining.delete(other);
    this.#joining.set(session, wire);
    if (this.shell.send({ type: 'join', wire, session })) return undefined;
    this.#joining.delete(session);
    return refuseJoin(this, this.context.identity, wire) ?? { reason: 'wrong-state', text: 'it has changed' };
  }

  /** Its initiator has said BEGIN while the device is away: it is waited for once more as long. */
  stillWanted(): void {
    this.arm('grace', this.context.limits.grace);
  }

  abandoned(session: string): void {
    const wire = this.#joining.get(session);
    if (wire !== undefined) {
      this.#joining.delete(session);
      this.#neverStood(wire);
      return;
    }
    this.shell.send({ type: 'abandoned', session });
  }

  yieldTo(handler: string): void {
    this.shell.send({ type: 'yield', to: handler });
  }

  restart(): void {
    this.shell.send({ type: 'restart', resume: false, jitter: 0 });
  }

  /** The session's answer is out: its connection is the wire, if it is still wanted. */
  takeWire(session: string, link: Link, rest: Uint8Array, number = 0): void {
    if (number > 0) return this.#takeFurther(session, link, rest, number);
    const terms = this.#terms;
    if (terms === undefined || this.state !== 'binary' || this.context.session !== session) {
      this.#sendAway(session, link);
      return;
    }
    this.#wireSessions.set(0, session);
    this.connect(link, rest, terms);
  }

  #takeFurther(session: string, link: Link, rest: Uint8Array, number: number): void {
    const terms = this.#terms;
    const wanted = this.#joining.get(session) === number;
    this.#joining.delete(session);
    const stands = this.context.wires?.standing.includes(number) === true;
    if (terms === undefined || this.state !== 'binary' || !wanted || !stands) {
      this.#sendAway(session, link);
      return;
    }
    this.#wireSessions.set(number, session);
    this.connect(link, rest, { ...terms, announce: false }, number);
  }

  /** A wire was on record and its connection went before it could carry anything. */
  #neverStood(wire: number): void {
    this.shell.send({ type: 'wire-lost', why: 'its session ended', wire, stood: 0, jitter: 0 });
  }

  /** Its BEGIN was answered, but it is not wanted any more: there is a newer wire, or the Handler is at its end. */
  #sendAway(session: string, link: Link): void {
    const over = () => this.world.sessions.wireEnded(session);
    if (this.shell.done) {
      link.destroy();
      over();
      return;
    }
    const wire = new Wire(link, this.world.clock, UNHEARD, { offload: false, initiator: false });
    void wire.farewell('replaced').then(over);
  }

  protected override send(event: CommonEvent, aside?: () => void): boolean {
    return this.shell.send(event, aside);
  }

  protected override timerFired(timer: HandlerTimer): void {
    if (timer === 'grace' || timer === 'away') this.shell.send({ type: 'timer', timer });
  }

  protected override willTakeNotes(): boolean {
    return false;
  }

  protected override followed(farMtu: number): void {
    if (this.#terms !== undefined) this.#terms = { ...this.#terms, farMtu };
  }

  protected override abortDial(): void {
    // It never dials.
  }

  protected override roundTrip(): void {
    // Only who dials has to know how far away the other end is.
  }

  protected override releaseWire(number: number): () => void {
    const session = this.#wireSessions.get(number);
    this.#wireSessions.delete(number);
    return () => {
      if (session !== undefined) this.world.sessions.wireEnded(session);
    };
  }
}

const UNHEARD: WireEvents = {
  firstRecord: () => undefined,
  broken: () => undefined,
  bye: () => undefined,
  protocolError: () => undefined,
  roundTrip: () => undefined,
};
