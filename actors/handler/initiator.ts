/** The Handler at the server that got HANDLE: it dials, and dials again. */
import type { HandlerEffect, InitiatorEvent, InitiatorInput } from '../../machines/handler/events.ts';
import type { InitiatorContext, initiatorMachine } from '../../machines/handler/initiator.ts';
import { initiatorDefinition } from '../../machines/index.ts';
import type { LiveActor } from '../../machines/log/fold.ts';
import { type EffectTable, Shell } from '../shell.ts';
import { Dialler } from './dialler.ts';
import { type CommonEvent, HandlerActor } from './handler.ts';
import type { HandlerWorld } from './world.ts';

type InitiatorEffect = Exclude<HandlerEffect, { type: 'remember' }>;

export class Initiator extends HandlerActor {
  readonly shell: Shell<typeof initiatorMachine, InitiatorEffect>;
  #dialler: Dialler | undefined;

  constructor(
    world: HandlerWorld,
    ended: (handler: HandlerActor) => void,
    actor: string,
    origin: { readonly input: InitiatorInput } | { readonly live: LiveActor },
  ) {
    super(world, ended);
    const effects: EffectTable<InitiatorEffect> = {
      ...this.sharedEffects(),
      openDevice: () => world.devices.join(this.context.localDevice, this.actor, null),
      dial: () => this.#dial(),
      sayHello: () => this.#dialler?.sayHello(),
      sayBegin: ({ mtu }) => this.#dialler?.sayBegin(mtu),
      adoptMtu: ({ mtu }) => world.devices.adoptMtu(this.actor, mtu),
      connect: (terms) => {
        const dialled = this.#dialler?.release();
        this.#dialler = undefined;
        if (dialled !== undefined) this.connect(dialled.link, dialled.rest, terms);
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

  protected override timerFired(timer: 'handle' | 'dial' | 'redial' | 'stable' | 'grace'): void {
    if (timer === 'grace') return;
    if (timer === 'handle' || timer === 'dial') {
      this.failure = 'the other server did not answer in time; is it up, and is the address right?';
    }
    this.shell.send({ type: 'timer', timer, jitter: this.world.chance.fraction() });
  }

  protected override abortDial(): void {
    this.#dialler?.abort();
    this.#dialler = undefined;
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

  #heard(event: InitiatorEvent): void {
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
