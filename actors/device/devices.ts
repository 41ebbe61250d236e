/** The devices of a server that are open or about to be, by their names. */
import type { Timer } from '../../io/ports.ts';
import type { DeviceInput } from '../../machines/device/machine.ts';
import type { LiveActor } from '../../machines/log/fold.ts';
import { formatDevice } from '../../machines/protocol/devices.ts';
import type { Refusal } from '../../machines/protocol/errors.ts';
import type { DeviceSpec } from '../../machines/protocol/types.ts';
import type { Segment } from '../packet-path/segment.ts';
import { DeviceActor, isElastic } from './device.ts';
import { deviceRefusal, refuseToOpen } from './refusals.ts';
import { ReturningDevices } from './returning.ts';
import type { DeviceWorld } from './world.ts';

/** A bare interface name means the best backend there is here: the same device as when that is named. */
function resolveDevice(spec: DeviceSpec, backends: readonly ('packet' | 'pcap')[]): DeviceSpec {
  const best = backends[0];
  return spec.kind === 'interface' && spec.backend === 'any' && best !== undefined
    ? { ...spec, backend: best }
    : spec;
}

/** What a device is apart from its name: two of the same form on one interface are one segment. */
function formOf(spec: DeviceSpec): string {
  return formatDevice({ ...spec, ifname: 'x' });
}

export class DeviceRegistry {
  readonly #world: DeviceWorld;
  readonly #devices = new Map<string, DeviceActor>();
  /** Where each Handler is that has a device, or waits for one to open. */
  readonly #places = new Map<string, DeviceActor>();
  /** Handlers that want a device whose last actor is not closed yet, by that and by Handler, with how they join. */
  readonly #queue = new Map<DeviceActor, Map<string, () => void>>();
  /** TAPs kept for Handlers that may come back. */
  readonly #holds: Timer[] = [];
  readonly #returning: ReturningDevices;

  constructor(world: DeviceWorld) {
    this.#world = world;
    this.#returning = new ReturningDevices(world.interfaces, world.clock, (handler, spec) => {
      world.diagnostics.info({ handler, device: formatDevice(spec) }, 'the device is back');
      world.handlers.byActor(handler)?.deviceBack();
    });
  }

  /** What stands against opening it, as far as can be told without opening it. */
  refuse(spec: DeviceSpec): Refusal | undefined {
    try {
      return this.#refuseBusy(spec) ?? refuseToOpen(this.#world.interfaces, spec);
    } catch (error) {
      return deviceRefusal(error);
    }
  }

  /** Whether two devices are of one form: opened by the same backend, with the same options. */
  sameForm(one: DeviceSpec, other: DeviceSpec): boolean {
    return formOf(this.#resolve(one)) === formOf(this.#resolve(other));
  }

  /**
   * Tells of Handlers whether they are on the interface that this device names now: by its index, for names change.
   * One that has no device yet goes by the name that it asked for.
   */
  on(spec: DeviceSpec): (handler: string, asked: DeviceSpec) => boolean {
    const ifindex = this.#indexOf(spec);
    return (handler, asked) => {
      const place = this.#places.get(handler);
      return place === undefined ? asked.ifname === spec.ifname : this.#isOn(place, spec, ifindex);
    };
  }

  /** Whether there is an interface of that name. @throws DeviceError */
  stands(spec: DeviceSpec): boolean {
    return this.#indexOf(spec) !== undefined;
  }

  /** Tells the Handler when there is an interface of that name again, unless it leaves before. */
  awaitReturn(spec: DeviceSpec, handler: string, waits: number): void {
    this.#returning.wait(spec, handler, waits);
  }

  /**
   * The Handler uses the device from now on, opened when it is not yet; it hears of it as `DeviceUser`.
   * @param mustStand no TAP is made
   */
  join(spec: DeviceSpec, handler: string, wantedMtu: number | null, mustStand = false): void {
    const again = () => this.join(spec, handler, wantedMtu, mustStand);
    const mine = this.#places.get(handler);
    let ifindex: number | undefined;
    let device = mine;
    try {
      ifindex = this.#indexOf(spec);
      device ??= this.#deviceFor(spec, ifindex);
    } catch (error) {
      // Which one it is, and whether a TAP will be ours to remove, has to be known before it is opened.
      const { reason, text } = deviceRefusal(error);
      this.#world.handlers.byActor(handler)?.deviceFailed(reason, text);
      return;
    }
    if (mustStand && ifindex === undefined) {
      this.#world.handlers.byActor(handler)?.deviceFailed('no-such-device', `${spec.ifname} is gone`);
      return;
    }
    const create = () => this.#create(spec, ifindex, handler, wantedMtu);
    if (device === undefined) return create();
    if (mine?.segment !== undefined && mine.context.handlers.includes(handler)) {
      this.#world.handlers.byActor(handler)?.deviceOpen(mine.segment);
    } else if (this.sameForm(device.context.spec, spec) && device.shell.send({ type: 'join', handler })) {
      this.#places.set(handler, device);
    } else if (isOver(device) || device === mine) {
      this.#wait(device, handler, again);
    } else {
      create();
    }
  }

  leave(handler: string): void {
    this.#returning.forget(handler);
    for (const waiting of this.#queue.values()) waiting.delete(handler);
    const device = this.#places.get(handler);
    this.#places.delete(handler);
    device?.shell.send({ type: 'leave', handler });
  }

  /** Whether it is on a TAP that we made and that got neither an MTU nor a bridge: it takes the MTU of the other end. */
  takesFarMtu(handler: string): boolean {
    const device = this.#places.get(handler);
    return device?.context.ours === true && isElastic(device.context.spec) && device.takesFarMtu;
  }

  /** @param mtu that of the other end, in bytes */
  adoptMtu(handler: string, mtu: number): void {
    const device = this.#places.get(handler);
    if (device === undefined || !this.takesFarMtu(handler) || device.segment?.mtu === mtu) return;
    device.adopts(mtu);
    try {
      this.#world.interfaces.setMtu(device.named, mtu);
    } catch (error) {
      const { message } = error as Error;
      this.#world.diagnostics.warn({ device: device.context.name, mtu, error: message }, 'MTU not set');
    }
  }

  /** Handlers on each interface, and frames lost in its kernel's queue since it was opened, by its index. */
  usage(): ReadonlyMap<number, { handlers: number; kernelDropped: number }> {
    const usage = new Map<number, { handlers: number; kernelDropped: number }>();
    for (const device of this.#devices.values()) {
      const ifindex = device.ifindex ?? this.#indexOf(device.context.spec);
      if (ifindex === undefined) continue;
      const { handlers } = device.context;
      const here = handlers.filter((handler) => this.#world.handlers.byActor(handler) !== undefined);
      const sum = usage.get(ifindex) ?? { handlers: 0, kernelDropped: 0 };
      sum.handlers += here.length;
      sum.kernelDropped += device.segment?.device.kernelDrops() ?? 0;
      usage.set(ifindex, sum);
    }
    return usage;
  }

  /** Whether there is such an interface, by any of its names, or one of that name is open here. */
  exists(spec: DeviceSpec): boolean {
    return this.#indexOf(spec) !== undefined || this.segment(spec) !== undefined;
  }

  /** As what the interface that this one names now is open, or about to be. @throws DeviceError */
  openAs(spec: DeviceSpec): DeviceSpec | undefined {
    return this.#deviceFor(spec, this.#indexOf(spec))?.context.spec;
  }

  /** The open device on the interface that this one names now. */
  segment(spec: DeviceSpec): Segment | undefined {
    return this.#deviceFor(spec, this.#indexOf(spec))?.segment;
  }

  /** The segments that are open now. */
  *segments(): Iterable<readonly [string, Segment]> {
    for (const [name, { segment }] of this.#devices) if (segment !== undefined) yield [name, segment];
  }

  /**
   * Takes up a device of an earlier run; `standing` are the actors of Handlers that are still there, `responders` of
   * those that have ended with that run. A TAP that we made stays also for these, as long as a responder would
   * have waited: their initiators dial again, and whoever uses the TAP has set addresses on it. A Handler that is in
   * neither was at its end already, and had not left its device yet.
   */
  restore(
    actor: string,
    live: LiveActor,
    standing: ReadonlySet<string>,
    responders: ReadonlySet<string>,
  ): void {
    const name = actor.slice('device:'.length);
    const device = new DeviceActor(this.#world, this.#ended, { name, live });
    this.#devices.set(name, device);
    const { ours, handlers } = device.context;
    const orphans = ours ? handlers.filter((handler) => responders.has(handler)) : [];
    const kept = handlers.filter((handler) => standing.has(handler) || orphans.includes(handler));
    device.shell.send({ type: 'restart', handlers: kept });
    for (const handler of kept) this.#places.set(handler, device);
    if (orphans.length === 0) return;
    const { clock, limits } = this.#world;
    this.#holds.push(clock.after(limits.responder.grace, () => this.#letGo(device, orphans)));
  }

  /** Closes all of them in this process; TAP interfaces that we made stay for the next run. */
  async shutdown(): Promise<void> {
    for (const hold of this.#holds) hold.cancel();
    this.#returning.stop();
    await Promise.all([...this.#devices.values()].map((device) => device.shutdown()));
  }

  #letGo(device: DeviceActor, orphans: readonly string[]): void {
    for (const handler of orphans) {
      if (this.#world.handlers.byActor(handler) !== undefined) continue;
      if (this.#places.get(handler) === device) this.#places.delete(handler);
      device.shell.send({ type: 'leave', handler });
    }
  }

  #create(spec: DeviceSpec, ifindex: number | undefined, handler: string, wantedMtu: number | null): void {
    const { interfaces } = this.#world;
    const resolved = this.#resolve(spec);
    const name = this.#freeName(formatDevice(resolved));
    const identity = ifindex === undefined ? null : { ifindex, kernel: interfaces.kernel };
    const creates = spec.kind === 'tap' && ifindex === undefined;
    const input: DeviceInput = { name, spec: resolved, creates, handler, wantedMtu, identity };
    const device = new DeviceActor(this.#world, this.#ended, input);
    this.#devices.set(name, device);
    this.#places.set(handler, device);
  }

  /** The name of an actor: the device as it was asked for, and a number where another one has that from before. */
  #freeName(name: string): string {
    let free = name;
    for (let i = 2; this.#devices.has(free); i++) free = `${name}%${i}`;
    return free;
  }

  #wait(device: DeviceActor, handler: string, join: () => void): void {
    const waiting = this.#queue.get(device) ?? new Map<string, () => void>();
    waiting.set(handler, join);
    this.#queue.set(device, waiting);
  }

  readonly #ended = (device: DeviceActor): void => {
    const { name } = device.context;
    if (this.#devices.get(name) === device) this.#devices.delete(name);
    for (const [handler, place] of this.#places) if (place === device) this.#places.delete(handler);
    const waiting = this.#queue.get(device) ?? new Map<string, () => void>();
    this.#queue.delete(device);
    for (const join of waiting.values()) join();
  };

  #resolve(spec: DeviceSpec): DeviceSpec {
    return resolveDevice(spec, this.#world.interfaces.captureBackends());
  }

  /** Index of the interface that it names now. @throws DeviceError */
  #indexOf(spec: DeviceSpec): number | undefined {
    return this.#world.interfaces.find(spec.ifname)?.ifindex;
  }

  /** @param ifindex of the interface that `spec` names now */
  #isOn(device: DeviceActor, spec: DeviceSpec, ifindex: number | undefined): boolean {
    const { ifindex: known } = device;
    return known === undefined ? device.context.spec.ifname === spec.ifname : known === ifindex;
  }

  /** The device on the interface that `spec` names now: that of its form before any other, an open one before a closing. */
  #deviceFor(spec: DeviceSpec, ifindex: number | undefined): DeviceActor | undefined {
    const called = formatDevice(this.#resolve(spec));
    const here = [...this.#devices.values()].filter(
      (device) => this.#isOn(device, spec, ifindex) || (isOver(device) && device.context.name === called),
    );
    const rank = (device: DeviceActor) =>
      (this.sameForm(device.context.spec, spec) ? 0 : 2) + (isOver(device) ? 1 : 0);
    return here.sort((one, other) => rank(one) - rank(other))[0];
  }

  #refuseBusy(spec: DeviceSpec): Refusal | undefined {
    // An interface may have several names; its index tells which it is.
    const ifindex = this.#indexOf(spec);
    for (const device of this.#devices.values()) {
      const { context } = device;
      if (isOver(device) || !this.#isOn(device, spec, ifindex) || this.sameForm(context.spec, spec)) continue;
      return {
        reason: 'device-busy',
        text: `${spec.ifname} is open as ${formatDevice(context.spec)}; use that form, or close the Handlers on it first`,
      };
    }
    return undefined;
  }
}

/** Whether nobody needs it any more: it only has to be closed, which those who want the interface wait for. */
function isOver({ shell }: DeviceActor): boolean {
  return shell.state === 'closing' || shell.state === 'closed';
}
