/** The open devices of a server: one actor for each kernel interface, shared by the Handlers on it. */
import type { DeviceError, FrameDevice, InterfaceInfo, Named, Timer } from '../io/ports.ts';
import type { DeviceContext, DeviceEffect, DeviceInput, deviceMachine } from '../machines/device.ts';
import { deviceDefinition } from '../machines/index.ts';
import type { LiveActor } from '../machines/log/fold.ts';
import { formatDevice } from '../machines/protocol/devices.ts';
import type { Reason, Refusal } from '../machines/protocol/errors.ts';
import type { DeviceSpec } from '../machines/protocol/types.ts';
import { Segment } from './packet-path/segment.ts';
import { type EffectTable, Shell } from './shell.ts';
import type { World } from './world.ts';

/** What a Handler hears of its device. */
export interface DeviceUser {
  deviceOpen(segment: Segment): void;
  deviceFailed(reason: Reason, text: string): void;
  deviceGone(why: string): void;
}

/** A bare interface name means the best backend there is here: the same device as when that is named. */
export function resolveDevice(spec: DeviceSpec, backends: readonly ('packet' | 'pcap')[]): DeviceSpec {
  const best = backends[0];
  return spec.kind === 'interface' && spec.backend === 'any' && best !== undefined
    ? { ...spec, backend: best }
    : spec;
}

class DeviceActor {
  readonly shell: Shell<typeof deviceMachine, DeviceEffect>;
  segment: Segment | undefined;
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
    private readonly world: World,
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

  /** The interface as this process has it open, which may have been renamed since. */
  get named(): Named {
    return { ifname: this.context.spec.ifname, ifindex: this.segment?.device.ifindex };
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
      const gone = (why: string) => this.shell.send({ type: 'gone', why });
      const segment = new Segment(device, { gone }, this.world.clock);
      this.segment = segment;
      const { ifindex, mtu, backend } = device;
      this.shell.send({ type: 'opened', ifindex, mtu, backend });
    } catch (error) {
      const { name, message } = error as Error;
      this.#failed(name === 'DeviceError' ? (error as DeviceError).reason : 'internal', message);
    }
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

  #openInterface(): Promise<FrameDevice> {
    const { spec, ours, wantedMtu } = this.context;
    if (spec.kind === 'tap') {
      const inherits = ours && isElastic(spec) && wantedMtu !== null;
      const mtu = inherits ? wantedMtu : spec.mtu;
      return this.world.interfaces.openTap(spec.ifname, {
        ...(mtu === undefined ? {} : { mtu }),
        ...(spec.bridge === undefined ? {} : { bridge: spec.bridge }),
      });
    }
    const { backend, ifname } = spec;
    const concrete = backend === 'any' ? this.world.interfaces.captureBackends()[0] : backend;
    if (concrete === undefined) throw new Error('there is no backend here that can capture');
    return this.world.interfaces.capture(concrete, ifname);
  }

  async #release(remove: boolean): Promise<void> {
    try {
      await this.segment?.close();
      if (remove) await this.world.interfaces.removeTap(this.named);
    } catch (error) {
      this.world.diagnostics.error(
        { device: this.context.name, error: (error as Error).message },
        'device not closed as it should be',
      );
    }
    this.segment = undefined;
    this.shell.send({ type: 'released' }, () => this.ended(this));
  }
}

export class DeviceRegistry {
  readonly #world: World;
  readonly #devices = new Map<string, DeviceActor>();
  /** Handlers that want a device whose last actor is not closed yet, by device and Handler, with how they join. */
  readonly #queue = new Map<string, Map<string, () => void>>();
  /** TAPs kept for Handlers that may come back. */
  readonly #holds: Timer[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** The name under which its actor goes. */
  nameOf(spec: DeviceSpec): string {
    return formatDevice(resolveDevice(spec, this.#world.interfaces.captureBackends()));
  }

  /** What stands against opening it, as far as can be told without opening it. */
  refuse(spec: DeviceSpec): Refusal | undefined {
    try {
      return (
        this.#refuseBusy(spec) ?? (spec.kind === 'tap' ? this.#refuseTap(spec) : this.#refuseInterface(spec))
      );
    } catch (error) {
      return deviceRefusal(error);
    }
  }

  /** The Handler uses the device from now on, opened when it is not yet; it hears of it as `DeviceUser`. */
  join(spec: DeviceSpec, handler: string, wantedMtu: number | null): void {
    const name = this.nameOf(spec);
    const device = this.#devices.get(name);
    if (device === undefined) {
      this.#create(name, spec, handler, wantedMtu);
    } else if (device.context.handlers.includes(handler) && device.segment !== undefined) {
      this.#world.handlers.byActor(handler)?.deviceOpen(device.segment);
    } else if (!device.shell.send({ type: 'join', handler })) {
      const waiting = this.#queue.get(name) ?? new Map<string, () => void>();
      waiting.set(handler, () => this.join(spec, handler, wantedMtu));
      this.#queue.set(name, waiting);
    }
  }

  leave(spec: DeviceSpec, handler: string): void {
    const name = this.nameOf(spec);
    this.#queue.get(name)?.delete(handler);
    this.#devices.get(name)?.shell.send({ type: 'leave', handler });
  }

  /** Whether it is a TAP that we made and that got neither an MTU nor a bridge: it takes the MTU of the other end. */
  takesFarMtu(spec: DeviceSpec): boolean {
    const device = this.#devices.get(this.nameOf(spec));
    return device?.context.ours === true && isElastic(spec);
  }

  /** @param mtu that of the other end, in bytes */
  adoptMtu(spec: DeviceSpec, mtu: number): void {
    const device = this.#devices.get(this.nameOf(spec));
    if (device === undefined || !this.takesFarMtu(spec) || device.segment?.mtu === mtu) return;
    try {
      this.#world.interfaces.setMtu(device.named, mtu);
    } catch (error) {
      const { message } = error as Error;
      this.#world.diagnostics.warn({ device: device.context.name, mtu, error: message }, 'MTU not set');
    }
  }

  /** Handlers on the interface, by whatever name it was asked for. */
  handlersOn({ name, ifindex }: InterfaceInfo): number {
    let count = 0;
    for (const { context } of this.#devices.values()) {
      const here = context.ifindex === null ? context.spec.ifname === name : context.ifindex === ifindex;
      if (!here) continue;
      count += context.handlers.filter(
        (handler) => this.#world.handlers.byActor(handler) !== undefined,
      ).length;
    }
    return count;
  }

  /** The segments that are open now. */
  *segments(): Iterable<readonly [string, Segment]> {
    for (const [name, { segment }] of this.#devices) if (segment !== undefined) yield [name, segment];
  }

  /**
   * Takes up a device of an earlier run; `standing` are the actors of Handlers that are still there. A TAP that we
   * made stays also for the others, as long as a responder would have waited: their initiators dial again, and
   * whoever uses the TAP has set addresses on it.
   */
  restore(actor: string, live: LiveActor, standing: ReadonlySet<string>): void {
    const name = actor.slice('device:'.length);
    const device = new DeviceActor(this.#world, this.#ended, { name, live });
    this.#devices.set(name, device);
    const { ours, handlers } = device.context;
    const orphans = handlers.filter((handler) => !standing.has(handler));
    const kept = ours ? handlers : handlers.filter((handler) => standing.has(handler));
    device.shell.send({ type: 'restart', handlers: kept });
    if (!ours || orphans.length === 0) return;
    const { clock, limits } = this.#world;
    this.#holds.push(clock.after(limits.responder.grace, () => this.#letGo(device, orphans)));
  }

  /** Closes all of them in this process; TAP interfaces stay for the next run. */
  async shutdown(): Promise<void> {
    for (const hold of this.#holds) hold.cancel();
    await Promise.all([...this.#devices.values()].map(({ segment }) => segment?.close()));
  }

  #letGo(device: DeviceActor, orphans: readonly string[]): void {
    for (const handler of orphans) {
      if (this.#world.handlers.byActor(handler) === undefined) device.shell.send({ type: 'leave', handler });
    }
  }

  #create(name: string, spec: DeviceSpec, handler: string, wantedMtu: number | null): void {
    let creates: boolean;
    try {
      creates = spec.kind === 'tap' && this.#world.interfaces.find(spec.ifname) === undefined;
    } catch (error) {
      // Whether the TAP will be ours to remove has to be known before it is opened.
      const { reason, text } = deviceRefusal(error);
      this.#world.handlers.byActor(handler)?.deviceFailed(reason, text);
      return;
    }
    const resolved = resolveDevice(spec, this.#world.interfaces.captureBackends());
    const input: DeviceInput = { name, spec: resolved, creates, handler, wantedMtu };
    this.#devices.set(name, new DeviceActor(this.#world, this.#ended, input));
  }

  readonly #ended = (device: DeviceActor): void => {
    const { name } = device.context;
    if (this.#devices.get(name) === device) this.#devices.delete(name);
    const waiting = this.#queue.get(name) ?? new Map<string, () => void>();
    this.#queue.delete(name);
    for (const join of waiting.values()) join();
  };

  #refuseBusy(spec: DeviceSpec): Refusal | undefined {
    const name = this.nameOf(spec);
    // An interface may have several names; its index tells which it is.
    const ifindex = this.#world.interfaces.find(spec.ifname)?.ifindex;
    for (const [other, { context }] of this.#devices) {
      const same = context.spec.ifname === spec.ifname || context.ifindex === ifindex;
      if (other === name || !same) continue;
      return {
        reason: 'device-busy',
        text: `${spec.ifname} is open as ${other}; use that form, or close the Handlers on it first`,
      };
    }
    return undefined;
  }

  #refuseInterface(spec: DeviceSpec & { kind: 'interface' }): Refusal | undefined {
    const { interfaces } = this.#world;
    if (interfaces.find(spec.ifname) === undefined) return noSuchDevice(spec.ifname);
    if (spec.backend === 'any' || interfaces.captureBackends().includes(spec.backend)) return undefined;
    return { reason: 'bad-device', text: `the backend ${spec.backend}: does not work on this machine` };
  }

  #refuseTap({ ifname, bridge, mtu }: DeviceSpec & { kind: 'tap' }): Refusal | undefined {
    const { interfaces } = this.#world;
    const standing = interfaces.find(ifname);
    if (standing !== undefined && standing.kind !== 'tap') {
      return {
        reason: 'bad-device',
        text: `${ifname} is there already and is no TAP (it is a ${standing.kind}); choose another name`,
      };
    }
    if (bridge === undefined) return undefined;
    const br = interfaces.find(bridge);
    if (br === undefined) return noSuchDevice(bridge);
    if (br.kind !== 'bridge')
      return { reason: 'bad-device', text: `${bridge} is no bridge (it is a ${br.kind})` };
    if (mtu === undefined || mtu >= br.mtu) return undefined;
    return {
      reason: 'bad-device',
      text: `mtu=${mtu} would lower the MTU of bridge ${bridge} (${br.mtu}); leave it out, or take at least that`,
    };
  }
}

function isElastic(spec: DeviceSpec): boolean {
  return spec.kind === 'tap' && spec.mtu === undefined && spec.bridge === undefined;
}

/** What the interfaces of this machine had to say. @throws what is no DeviceError */
export function deviceRefusal(error: unknown): Refusal {
  if (!(error instanceof Error) || error.name !== 'DeviceError') throw error;
  return { reason: (error as DeviceError).reason, text: error.message };
}

function noSuchDevice(ifname: string): Refusal {
  return {
    reason: 'no-such-device',
    text: `there is no interface ${ifname} here; DEVICES? lists those there are`,
  };
}
