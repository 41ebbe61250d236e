/** The Handler at the server that got HANDLE: it dials, and dials again. */
import type {
  CommonEvent,
  HandlerEffect,
  HandlerTimer,
  InitiatorInput,
} from '../../machines/handler/events.ts';
import type { InitiatorContext, initiatorMachine } from '../../machines/handler/initiator.ts';
import { initiatorDefinition } from '../../machines/index.ts';
import type { LiveActor } from '../../machines/log/fold.ts';
import { MOST_WIRES } from '../../machines/protocol/options.ts';
import type { Wire } from '../packet-path/wire.ts';
import { type EffectTable, Shell } from '../shell.ts';
import { type DialEvent, Dialler } from './dialler.ts';
import { FurtherWires, type WireOutcome } from './further-wires.ts';
import { HandlerActor } from './handler.ts';
import type { HandlerWorld } from './world.ts';

type InitiatorEffect = Exclude<HandlerEffect, { type: 'remember' | 'replaceWire' }>;

export class Initiator extends HandlerActor {
  readonly shell: Shell<typeof initiatorMachine, InitiatorEffect>;
  #dialler: Dialler | undefined;
  readonly #further: FurtherWires;
  /** PINGs in a row, over whatever wire, that took as long as on a way that has a length. */
  #longTrips = 0;

  constructor(
    world: HandlerWorld,
    ended: (handler: HandlerActor) => void,
    actor: string,
    origin: { readonly input: InitiatorInput } | { readonly live: LiveActor },
  ) {
    super(world, ended);
    this.#further = new FurtherWires(world, (outcome, text) => this.#furtherWire(outcome, text));
    const effects: EffectTable<InitiatorEffect> = {
      ...this.sharedEffects(),
      openDevice: () => world.devices.join(this.context.localDevice, this.actor, null, this.context.away),
      dial: () => this.#dial(),
      sayHello: () => this.#dialler?.sayHello(),
      sayBegin: ({ mtu, wires }) => this.#dialler?.sayBegin(mtu, wires),
      dialWires: ({ dial, ...terms }) => {
        for (const number of dial) this.#further.dial(this.context, number, terms);
      },
      connectWire: ({ wire, ...terms }) => {
        const dialled = this.#further.release(wire);
        if (dialled === undefined) return;
        const { link, rest, notes } = dialled;
        this.connect(link, rest, { ...terms, announce: false, notes }, wire);
        // Where the other end doubts the others after BEGIN, it is to know at once that they stand.
        if (wire === 0) for (const other of this.wires.values()) other.ping();
      },
      connect: (terms) => {
        const dialled = this.#dialler?.release();
        this.#dialler = undefined;
        if (dialled === undefined) return;
        const { link, rest, notes } = dialled;
        this.connect(link, rest, { ...terms, notes });
      },
    };
    this.shell =
      'input' in origin
        ? Shell.create(world.journal, actor, initiatorDefinition, effects, origin.input)
        : Shell.restore(world.journal, actor, origin.live, effects);
  }

  get context(): InitiatorContext {
    return this.shell.context;
  }

  restart(resume: boolean): void {
    this.shell.send({ type: 'restart', resume, jitter: this.world.chance.fraction() });
  }

  protected override send(event: CommonEvent, aside?: () => void): boolean {
    return this.shell.send(event, aside);
  }

  protected override timerFired(timer: HandlerTimer): void {
    if (timer === 'grace') return;
    if (timer === 'handle' || timer === 'dial') {
      this.failure = 'the other server did not answer in time; is it up, and is the address right?';
    }
    this.shell.send({ type: 'timer', timer, jitter: this.world.chance.fraction() });
  }

  protected override abortDial(): void {
    this.#further.abort();
    this.#longTrips = 0;
    for (let number = 0; number < MOST_WIRES; number++) this.cancelTimer(`wire-${number}`);
    this.#dialler?.abort();
    this.#dialler = undefined;
  }

  /** Two round trips in a row, so that one that met a busy machine opens no wires on a LAN. */
  protected override roundTrip(wire: Wire, micros: number): void {
    const { wires } = this.context;
    if (wires === undefined || wires.most < 2 || wires.far || this.state !== 'binary') return;
    const length = wire.lengthMicros ?? micros;
    this.#longTrips = length >= this.world.limits.spreadRtt * 1000 ? this.#longTrips + 1 : 0;
    if (this.#longTrips === 1) wire.ping();
    else if (this.#longTrips > 1) this.shell.send({ type: 'far', rttMicros: length });
  }

  #furtherWire(outcome: WireOutcome, text: string): void {
    if (outcome.type === 'wire-failed') {
      const { wire, reason } = outcome;
      this.world.diagnostics.info(
        { handler: this.context.id, wire, reason, error: outcome.remote ?? text },
        'a further wire came to nothing',
      );
    }
    this.shell.send(outcome);
  }

  protected override willTakeNotes(): boolean {
    return this.#dialler?.notes === true;
  }

  protected override followed(): void {
    // Its path knows, and further wires are made with what is on record.
  }

  protected override releaseWire(): () => void {
    // Nobody but this Handler knows of the connection it dialled.
    return () => undefined;
  }

  #dial(): void {
    this.abortDial();
    const dialler: Dialler = new Dialler(this.world, this.context, (event, text) => {
      if (this.#dialler !== dialler) return;
      this.failure = text ?? '';
      this.#heard(event);
    });
    this.#dialler = dialler;
    dialler.dial();
  }

  #heard(event: DialEvent): void {
    if (event.type === 'join-taken') return;
    if (event.type === 'dial-failed') {
      const { id, remote } = this.context;
      const { reason } = event;
      // Of the other server's ERR line no more than code and reason: it may echo a secret.
      const error = event.remote ?? this.failure;
      this.world.diagnostics.info({ handler: id, remote, reason, error }, 'dial came to nothing');
    }
    this.shell.send(event);
  }
}
