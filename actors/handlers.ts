/** The Handlers of a server, by id and side; what stands against a new one; and how they come back after a restart. */
import { responderDefinition } from '../machines/index.ts';
import type { LiveActor } from '../machines/log/fold.ts';
import type { Refusal } from '../machines/protocol/errors.ts';
import type { Begin, Ends, Handle } from '../machines/protocol/types.ts';
import { deepEqual, sharedMac } from './compare.ts';
import type { HandlerActor } from './handler.ts';
import { Initiator } from './initiator.ts';
import { Responder } from './responder.ts';
import type { World } from './world.ts';

export class HandlerRegistry {
  readonly #world: World;
  readonly #handlers = new Map<string, HandlerActor>();

  constructor(world: World) {
    this.#world = world;
  }

  byActor(actor: string): HandlerActor | undefined {
    return this.#handlers.get(actor);
  }

  /** Those with that id: two when this server dialled itself. */
  byId(id: string): readonly HandlerActor[] {
    return [this.#handlers.get(actorOf(id)), this.#handlers.get(responderBeside(id))].filter(
      (handler) => handler !== undefined,
    );
  }

  all(): readonly HandlerActor[] {
    return [...this.#handlers.values()];
  }

  // ── What stands against a new one ──

  refuseHandle(handle: Handle): Refusal | undefined {
    return (
      this.#refuseMany(handle) ??
      this.#world.devices.refuse(handle.localDevice) ??
      this.#refuseHandleMacs(handle)
    );
  }

  refuseBegin(begin: Begin, identity: string, address: string): Refusal | undefined {
    const standing = this.#responder(begin.handler);
    if (standing !== undefined) return refuseTakeOver(standing, begin, identity);
    if (this.#world.wasClosed(begin.handler)) {
      return {
        reason: 'handler-closed',
        text: `Handler ${begin.handler} was closed here; HANDLE makes a new one`,
      };
    }
    return (
      this.#refuseMany(begin) ??
      this.#world.devices.refuse(begin.localDevice) ??
      this.#refuseMacs(begin, (other) => yields(other, identity)) ??
      this.#refuseSecondBridge(begin, (other) => sameHost(other, address) && !yields(other, identity))
    );
  }

  // ── Coming and going ──

  /** HANDLE is on record: the Handler begins. @returns what came in the way meanwhile */
  open(id: string, handle: Handle, identity: string, session: string): Refusal | undefined {
    const refusal = this.refuseHandle(handle);
    if (refusal !== undefined) return refusal;
    const { remote, auth, options, ...ends } = handle;
    const unkept = this.#keepSecret(handle);
    if (unkept !== undefined) return unkept;
    const input = {
      ...ends,
      id,
      identity,
      session,
      remote,
      auth,
      options,
      since: this.#world.clock.wall(),
      limits: this.#world.limits.initiator,
    };
    const actor = actorOf(id);
    this.#handlers.set(actor, new Initiator(this.#world, this.#ended, actor, { input }));
    return undefined;
  }

  /** BEGIN is on record: a new Handler, or one that stands gets a new wire. */
  begin(begin: Begin, identity: string, session: string, address: string): Refusal | undefined {
    const refusal = this.refuseBegin(begin, identity, address);
    if (refusal !== undefined) return refusal;
    const standing = this.#responder(begin.handler);
    if (standing !== undefined) {
      standing.begin(begin, session, address);
      return undefined;
    }
    for (const other of [...this.#onSameMacs(begin), ...this.#sameBridges(begin)]) {
      if (other instanceof Responder && yields(other, identity)) other.yieldTo(begin.handler);
    }
    const { handler: id, mtu: farMtu, options, ...ends } = begin;
    const input = {
      ...ends,
      id,
      identity,
      session,
      options,
      peer: address,
      farMtu,
      since: this.#world.clock.wall(),
      limits: this.#world.limits.responder,
    };
    const actor = this.#handlers.has(actorOf(id)) ? responderBeside(id) : actorOf(id);
    this.#handlers.set(actor, new Responder(this.#world, this.#ended, actor, { input }));
    return undefined;
  }

  responder(id: string): Responder | undefined {
    return this.#responder(id);
  }

  close(id: string, session: string): void {
    for (const handler of this.byId(id)) handler.close(session);
  }

  /**
   * Takes up the Handlers of an earlier run. Responders end with it; initiators dial again, or wait to be closed.
   * @returns what to call once the devices are taken up
   */
  restore(handlers: readonly (readonly [string, LiveActor])[], resume: boolean): () => void {
    const initiators: Initiator[] = [];
    for (const [actor, live] of handlers) {
      if (live.definition.name === responderDefinition.name) {
        new Responder(this.#world, this.#ended, actor, { live }).restart();
      } else {
        const initiator = new Initiator(this.#world, this.#ended, actor, { live });
        this.#handlers.set(actor, initiator);
        initiators.push(initiator);
      }
    }
    return () => {
      for (const initiator of initiators) initiator.restart(resume);
    };
  }

  /** The references that Handlers still have to secrets. */
  secretRefs(): ReadonlySet<string> {
    const refs = new Set<string>();
    for (const { context } of this.#handlers.values()) {
      if (context.side === 'initiator' && context.auth.kind === 'password') refs.add(context.auth.secret);
    }
    return refs;
  }

  async shutdown(): Promise<void> {
    await Promise.all(this.all().map((handler) => handler.shutdown()));
  }

  readonly #ended = (handler: HandlerActor): void => {
    if (this.#handlers.get(handler.actor) === handler) this.#handlers.delete(handler.actor);
    const { context } = handler;
    if (context.side === 'initiator' && context.auth.kind === 'password') {
      this.#world.secrets.drop(context.auth.secret);
    }
  };

  #responder(id: string): Responder | undefined {
    return this.byId(id).find((handler): handler is Responder => handler instanceof Responder);
  }

  /** The secret has to outlive a crash of the server, else the Handler could not dial again. */
  #keepSecret({ auth }: Handle): Refusal | undefined {
    if (auth.kind !== 'password') return undefined;
    try {
      this.#world.secrets.persist(auth.secret);
      return undefined;
    } catch (error) {
      return {
        reason: 'log-unavailable',
        text: `the secret could not be stored: ${(error as Error).message}`,
      };
    }
  }

  #refuseMany({ macs }: Ends): Refusal | undefined {
    const { handlers: most, macs: mostMacs } = this.#world.limits;
    if (this.#handlers.size >= most) {
      return { reason: 'too-many-handlers', text: `there are ${most} Handlers here, which is the limit` };
    }
    const carried = this.all().reduce((sum, { context }) => sum + context.macs.length, 0);
    if (carried + macs.length <= mostMacs) return undefined;
    return {
      reason: 'too-many-handlers',
      text: `the Handlers here carry ${carried} MAC addresses; ${mostMacs} are the limit`,
    };
  }

  #refuseHandleMacs(handle: Handle): Refusal | undefined {
    return (
      this.#refuseMacs(handle, () => false) ??
      this.#refuseSecondBridge(
        handle,
        ({ context }) => context.side === 'initiator' && deepEqual(context.remote, handle.remote),
      )
    );
  }

  #refuseMacs(ends: Ends, aside: (other: HandlerActor) => boolean): Refusal | undefined {
    for (const other of this.#onSameMacs(ends)) {
      if (aside(other)) continue;
      const mac = sharedMac(other.context.macs, ends.macs);
      return {
        reason: 'mac-in-use',
        text: `Handler ${other.context.id} carries ${mac} as ${ends.localConfig.role} on this device; CLOSE it first`,
      };
    }
    return undefined;
  }

  /** Two BRIDGE Handlers between the same two segments are a loop. */
  #refuseSecondBridge(ends: Ends, sameServer: (other: HandlerActor) => boolean): Refusal | undefined {
    for (const other of this.#sameBridges(ends)) {
      if (!sameServer(other)) continue;
      return {
        reason: 'device-busy',
        text: `Handler ${other.context.id} bridges these two segments already; a second one would be a loop`,
      };
    }
    return undefined;
  }

  /** BRIDGE Handlers between devices of these names, to whatever server. */
  *#sameBridges(ends: Ends): Iterable<HandlerActor> {
    if (ends.localConfig.role !== 'BRIDGE') return;
    const { devices } = this.#world;
    const name = devices.nameOf(ends.localDevice);
    for (const other of [...this.#handlers.values()]) {
      const { context } = other;
      if (context.localConfig.role !== 'BRIDGE' || devices.nameOf(context.localDevice) !== name) continue;
      if (deepEqual(context.remoteDevice, ends.remoteDevice)) yield other;
    }
  }

  /** Handlers of the same role on the same device that carry one of these MAC addresses. */
  *#onSameMacs(ends: Ends): Iterable<HandlerActor> {
    if (ends.localConfig.role === 'BRIDGE') return;
    for (const other of [...this.#handlers.values()]) {
      const { context } = other;
      if (context.localConfig.role !== ends.localConfig.role) continue;
      if (context.localDevice.ifname !== ends.localDevice.ifname) continue;
      if (sharedMac(context.macs, ends.macs) !== undefined) yield other;
    }
  }
}

function actorOf(id: string): string {
  return `handler:${id}`;
}

/** The responder of a server that dials itself, beside the initiator of the same id. */
function responderBeside(id: string): string {
  return `handler:${id}:responder`;
}

/** A Handler that waits for its initiator gives way to another one of the same identity. */
function yields(other: HandlerActor, identity: string): boolean {
  const { context } = other;
  return context.side === 'responder' && context.waiting && context.identity === identity;
}

function sameHost({ context }: HandlerActor, address: string): boolean {
  return context.side === 'responder' && context.peer === address;
}

function refuseTakeOver({ context }: Responder, begin: Begin, identity: string): Refusal | undefined {
  const text = (why: string) => `Handler ${begin.handler} stands here ${why}`;
  if (context.identity !== identity) {
    return { reason: 'handler-exists', text: text('and belongs to another identity') };
  }
  const same =
    deepEqual(context.localDevice, begin.localDevice) &&
    deepEqual(context.remoteDevice, begin.remoteDevice) &&
    deepEqual(context.localConfig, begin.localConfig) &&
    deepEqual(context.remoteConfig, begin.remoteConfig) &&
    deepEqual(context.macs, begin.macs);
  return same
    ? undefined
    : { reason: 'handler-exists', text: text('with other devices, roles or MAC addresses') };
}
