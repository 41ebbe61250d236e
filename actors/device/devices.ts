/** The devices of a server that are open or about to be, by their names. */
import type { InterfaceInfo, Timer } from '../../io/ports.ts';
import type { DeviceInput } from '../../machines/device/machine.ts';
import type { LiveActor } from '../../machines/log/fold.ts';
import { formatDevice } from '../../machines/protocol/devices.ts';
import type { Refusal } from '../../machines/protocol/errors.ts';
import type { DeviceSpec } from '../../machines/protocol/types.ts';
import type { Segment } from '../packet-path/segment.ts';
import { DeviceActor, isElastic } from './device.ts';
import { deviceRefusal, refuseToOpen } from './refusals.ts';
import type { DeviceWorld } from './world.ts';

/** A bare interface name means the best backend there is here: the same device as when that is named. */
function resolveDevice(spec: DeviceSpec, backends: readonly ('packet' | 'pcap')[]): DeviceSpec {
  const best = backends[0];
  return spec.kind === 'interface' && spec.backend === 'any' && best !== undefined
    ? { ...spec, backend: best }
    : spec;
}

export class DeviceRegistry {
  readonly #world: DeviceWorld;
  readonly #devices = new Map<string, DeviceActor>();
  /** Handlers that want a device whose last actor is not closed yet, by device and Handler, with how they join. */
  readonly #queue = new Map<string, Map<string, () => void>>();
  /** TAPs kept for Handlers that may come back. */
  readonly #holds: Timer[] = [];

  constructor(world: DeviceWorld) {
    this.#world = world;
  }

  /** The name under which its actor goes. */
  nameOf(spec: DeviceSpec): string {
    return formatDevice(resolveDevice(spec, this.#world.interfaces.captureBackends()));
  }

  /** What stands against opening it, as far as can be told without opening it. */
  refuse(spec: DeviceSpec): Refusal | undefined {
    try {
      return this.#refuseBusy(spec) ?? refuseToOpen(this.#world.interfaces, spec);
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
    if (orphans.length === 0) return;
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
}
