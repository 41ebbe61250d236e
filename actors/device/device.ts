/** One open device: the actor of one kernel interface, shared by the Handlers on it. */
import type { BridgeChange, DeviceError, FrameDevice, InterfaceInfo, Named } from '../../io/ports.ts';
import type {
  DeviceContext,
  DeviceEffect,
  DeviceInput,
  deviceMachine,
} from '../../machines/device/machine.ts';
import { deviceDefinition } from '../../machines/index.ts';
import type { LiveActor } from '../../machines/log/fold.ts';
import type { Reason } from '../../machines/protocol/errors.ts';
import type { DeviceSpec } from '../../machines/protocol/types.ts';
import { Segment, type SegmentHooks } from '../packet-path/segment.ts';
import { type EffectTable, Shell } from '../shell.ts';
import type { DeviceUser, DeviceWorld } from './world.ts';

export class DeviceActor {
  readonly shell: Shell<typeof deviceMachine, DeviceEffect>;
  segment: Segment | undefined;
  /** Of a TAP that we made: whether it goes on taking the far end's MTU, as nobody else has set another one. */
  takesFarMtu = true;
  /** MTUs that it has had by us. */
  readonly #ownMtus = new Set<number>();
  #failure = '';
  /** Of an earlier run: that it was created is on record for certain. */
  readonly #restored: boolean;
  readonly #effects: EffectTable<DeviceEffect> = {
    open: () => void this.#open(),
    welcome: ({ handler }) => {
      if (this.segment !== undefined) this.#user(handler)?.deviceOpen(this.segment);
    },
    tellOpened: ({ handlers }) => {
      for (const handler of handlers)
        if (this.segment !== undefined) this.#user(handler)?.deviceOpen(this.segment);
    },
    tellFailed: ({ handlers, reason }) => {
      for (const handler of handlers) this.#user(handler)?.deviceFailed(reason, this.#failure);
      if (this.shell.done) this.ended(this);
    },
    tellGone: ({ handlers, why }) => {
      for (const handler of handlers) this.#user(handler)?.deviceGone(why);
    },
    release: ({ remove }) => void this.#release(remove),
  };

  constructor(
    private readonly world: DeviceWorld,
    private readonly ended: (device: DeviceActor) => void,
    origin: DeviceInput | { readonly name: string; readonly live: LiveActor },
  ) {
    const actor = `device:${origin.name}`;
    this.#restored = 'live' in origin;
    this.shell =
      'live' in origin
        ? Shell.restore(world.journal, actor, origin.live, this.#effects)
        : Shell.create(world.journal, actor, deviceDefinition, this.#effects, origin);
  }

  get context(): DeviceContext {
    return this.shell.context;
  }

  /** We give it that MTU. */
  adopts(mtu: number): void {
    this.#ownMtus.add(mtu);
  }

  /** The interface as it is known by its index, which may have been renamed since. */
  get named(): Named {
    return { ifname: this.context.spec.ifname, ifindex: this.ifindex };
  }

  /**
   * Index of the interface that it is, or was when it was last open. Undefined when that is not known in this run of
   * the kernel, or there is no such interface any more: then it goes by its name. @throws DeviceError
   */
  get ifindex(): number | undefined {
    const open = this.segment?.device.ifindex ?? this.context.ifindex;
    if (open !== null && open !== undefined) return open;
    return this.#known()?.ifindex;
  }

  #known(): InterfaceInfo | undefined {
    const { interfaces } = this.world;
    // Version 1 of the machine does not know it.
    const identity: DeviceContext['identity'] | undefined = this.context.identity;
    return identity?.kernel === interfaces.kernel ? interfaces.at(identity.ifindex) : undefined;
  }

  #user(handler: string): DeviceUser | undefined {
    return this.world.handlers.byActor(handler);
  }

  async #open(): Promise<void> {
    if (this.#unrecorded()) {
      const text = 'the event log cannot be written now, and no TAP is made that is not on record there';
      return this.#failed('log-unavailable', text);
    }
    try {
      const device = await this.#openInterface();
      const segment = new Segment(device, this.#hooks, this.world.clock);
      this.segment = segment;
      this.adopts(segment.mtu);
      segment.resized$.subscribe(() => {
        if (!this.#ownMtus.has(segment.mtu)) this.takesFarMtu = false;
      });
      const { ifindex, mtu, backend, found } = device;
      const { kernel } = this.world.interfaces;
      const before = found === undefined || this.context.ours ? {} : { found };
      this.shell.send({ type: 'opened', ifindex, kernel, mtu, backend, ...before });
    } catch (error) {
      const { name, message } = error as Error;
      this.#failed(name === 'DeviceError' ? (error as DeviceError).reason : 'internal', message);
    }
  }

  readonly #hooks: SegmentHooks = {
    gone: (why) => this.#gone(why),
    interrupted: (why) => {
      const { name, handlers } = this.context;
      this.world.diagnostics.warn(
        { device: name, why, handlers: handlers.length },
        'device interrupted; its Handlers go on when it carries again',
      );
      this.shell.send({ type: 'interrupted', why });
    },
    recovered: () => {
      this.world.diagnostics.warn({ device: this.context.name }, 'device carries again');
      this.shell.send({ type: 'recovered' });
    },
  };

  #gone(why: string): void {
    const { name, handlers } = this.context;
    this.world.diagnostics.warn(
      { device: name, why, handlers: handlers.length },
      'device gone; Handlers that have carried wait for it to come back',
    );
    this.shell.send({ type: 'gone', why });
  }

  #failed(reason: Reason, error: string): void {
    this.#failure = error;
    this.world.diagnostics.warn({ device: this.context.name, reason, error }, 'device not opened');
    this.shell.send({ type: 'failed', reason });
  }

  /**
   * Whether we would make a TAP that is perhaps not on record as ours: effects run also when the log has failed
   * between HANDLE or BEGIN and here, and after a crash the TAP would be nobody's, and stay for ever.
   */
  #unrecorded(): boolean {
    const { ours, made } = this.context;
    return ours && !made && !this.#restored && !this.world.journal.available;
  }

  async #openInterface(): Promise<FrameDevice> {
    const { spec, ours, wantedMtu } = this.context;
    const ifindex = this.#known()?.ifindex;
    if (spec.kind === 'tap') {
      const inherits = ours && isElastic(spec) && wantedMtu !== null;
      const mtu = inherits ? wantedMtu : spec.mtu;
      return this.world.interfaces.openTap(spec.ifname, {
        ...(mtu === undefined ? {} : { mtu }),
        ...(spec.bridge === undefined ? {} : { bridge: spec.bridge }),
        ...(spec.ip === undefined ? {} : { ip: spec.ip }),
        ifindex,
        onBridge: (change) => this.#bridgeChanged(change),
      });
    }
    const { backend, ifname } = spec;
    const concrete = backend === 'any' ? this.world.interfaces.captureBackends()[0] : backend;
    if (concrete === undefined) throw new Error('there is no backend here that can capture');
    return this.world.interfaces.capture(concrete, ifname, ifindex);
  }

  #bridgeChanged({ bridge, joined, why }: BridgeChange): void {
    const about = { device: this.context.name, bridge, ...(why === undefined ? {} : { error: why }) };
    const { diagnostics } = this.world;
    if (joined) diagnostics.warn(about, 'the TAP has joined its bridge again');
    else if (why !== undefined) diagnostics.warn(about, 'the TAP cannot join its bridge again');
    else diagnostics.warn(about, 'the TAP was taken out of its bridge, or the bridge is gone');
    if (why === undefined) this.shell.send({ type: 'bridge', bridge, joined });
  }

  #leaveAsFound(ifindex: number | undefined): void {
    const { spec, found } = this.context;
    if (spec.kind !== 'tap' || found === undefined || ifindex === undefined) return;
    const { bridge, mtu } = spec;
    const options = { ...(bridge === undefined ? {} : { bridge }), ...(mtu === undefined ? {} : { mtu }) };
    this.world.interfaces.restoreTap(ifindex, found, options);
  }

  /** The server ends: it is closed, and a TAP that stood before is left as it was found. On record it stays open. */
  async shutdown(): Promise<void> {
    if (this.segment === undefined) return;
    const { ifindex } = this.segment.device;
    try {
      await this.segment.close();
      this.#leaveAsFound(ifindex);
    } catch (error) {
      this.#notClosed(error);
    }
  }

  #notClosed(error: unknown): void {
    this.world.diagnostics.error(
      { device: this.context.name, error: (error as Error).message },
      'device not closed as it should be',
    );
  }

  async #release(remove: boolean): Promise<void> {
    try {
      // A TAP that is there no more, or another one by now, is not known by its index. For others nothing is asked of
      // the kernel, which may not tell.
      const tap = this.context.spec.kind === 'tap' ? this.named : undefined;
      await this.segment?.close();
      if (remove && tap !== undefined) await this.world.interfaces.removeTap(tap);
      else this.#leaveAsFound(tap?.ifindex);
    } catch (error) {
      this.#notClosed(error);
    }
    this.segment = undefined;
    this.shell.send({ type: 'released' }, () => this.ended(this));
  }
}

/** Whether it takes its MTU from the far end, when it is a TAP that we make: neither an MTU nor a bridge says which. */
export function isElastic(spec: DeviceSpec): boolean {
  return spec.kind === 'tap' && spec.mtu === undefined && spec.bridge === undefined;
}
