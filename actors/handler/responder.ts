/** The Handler at the server that got BEGIN. */
import type { Link } from '../../io/ports.ts';
import type { HandlerEffect, HandlerEffects, ResponderInput } from '../../machines/handler/events.ts';
import type { ResponderContext, responderMachine } from '../../machines/handler/responder.ts';
import { responderDefinition } from '../../machines/index.ts';
import type { LiveActor } from '../../machines/log/fold.ts';
import type { Begin } from '../../machines/protocol/types.ts';
import { Wire, type WireEvents } from '../packet-path/wire.ts';
import { type EffectTable, Shell } from '../shell.ts';
import { deepEqual } from './compare.ts';
import { type CommonEvent, HandlerActor } from './handler.ts';
import type { HandlerWorld } from './world.ts';

type ResponderEffect = Exclude<HandlerEffect, { type: 'dial' | 'sayHello' | 'sayBegin' | 'adoptMtu' }>;

export class Responder extends HandlerActor {
  readonly shell: Shell<typeof responderMachine, ResponderEffect>;
  #terms: HandlerEffects['connect'] | undefined;
  /** The session whose connection is the wire. */
  #wireSession: string | undefined;

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
        const { localDevice, farMtu } = this.context;
        world.devices.join(localDevice, this.actor, farMtu);
      },
      connect: (terms) => {
        this.#terms = terms;
      },
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

  abandoned(session: string): void {
    this.shell.send({ type: 'abandoned', session });
  }

  yieldTo(handler: string): void {
    this.shell.send({ type: 'yield', to: handler });
  }

  restart(): void {
    this.shell.send({ type: 'restart', resume: false, jitter: 0 });
  }

  /** The session's answer is out: its connection is the wire, if it is still wanted. */
  takeWire(session: string, link: Link, rest: Uint8Array): void {
    const terms = this.#terms;
    if (terms === undefined || this.state !== 'binary' || this.context.session !== session) {
      this.#sendAway(session, link);
      return;
    }
    this.#wireSession = session;
    this.connect(link, rest, terms);
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

  protected override timerFired(): void {
    this.shell.send({ type: 'timer', timer: 'grace' });
  }

  protected override abortDial(): void {
    // It never dials.
  }

  protected override releaseWire(): () => void {
    const session = this.#wireSession;
    this.#wireSession = undefined;
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
};
