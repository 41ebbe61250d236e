/** The Handlers of a server, by id and side; what stands against a new one; and how they come back after a restart. */
import { responderDefinition } from '../../machines/index.ts';
import type { LiveActor } from '../../machines/log/fold.ts';
import { formatDevice } from '../../machines/protocol/devices.ts';
import type { Refusal } from '../../machines/protocol/errors.ts';
import type { Begin, DeviceSpec, Ends, Handle, Join, SecretRef } from '../../machines/protocol/types.ts';
import { deviceRefusal } from '../device/refusals.ts';
import { deepEqual } from './compare.ts';
import {
  type IsHere,
  isTo,
  onSameBridges,
  onSameMacs,
  refuseJoin,
  refuseMacs,
  refuseOtherForm,
  refuseSecondBridge,
} from './conflicts.ts';
import type { HandlerActor } from './handler.ts';
import { Initiator } from './initiator.ts';
import { Responder } from './responder.ts';
import type { HandlerWorld } from './world.ts';

export class HandlerRegistry {
  readonly #world: HandlerWorld;
  readonly #handlers = new Map<string, HandlerActor>();
  /**
   * Secrets of Handlers that have ended. While their end is not on record they are kept: after a crash such a Handler
   * is there again, and only with its secret does it hear from the other end that it was closed.
   */
  readonly #unneeded = new Set<SecretRef>();
  /** Of those that are closed and still say BYE. */
  readonly #farewells = new Set<Promise<void>>();

  constructor(world: HandlerWorld) {
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
    const others = this.#standing();
    return asked(
      () =>
        this.#refuseMany(handle) ??
        this.#refuseDevice(handle) ??
        refuseMacs(others, handle, this.#isOn(handle)) ??
        refuseSecondBridge(
          others,
          handle,
          this.#isOn(handle),
          ({ context }) => context.side === 'initiator' && deepEqual(context.remote, handle.remote),
        ),
    );
  }

  refuseBegin(begin: Begin, identity: string, address: string): Refusal | undefined {
    const standing = this.responder(begin.handler);
    if (standing !== undefined) {
      return refuseTakeOver(standing, begin, identity) ?? asked(() => this.#refuseAway(standing));
    }
    if (this.#world.wasClosed(begin.handler)) {
      return {
        reason: 'handler-closed',
        text: `Handler ${begin.handler} was closed here; HANDLE makes a new one`,
      };
    }
    const others = this.#standing().filter((other) => !yields(other, identity));
    return asked(
      () =>
        this.#refuseMany(begin) ??
        this.#refuseDevice(begin) ??
        refuseMacs(others, begin, this.#isOn(begin)) ??
        refuseSecondBridge(
          others,
          begin,
          this.#isOn(begin),
          (other) => isTo(other, address) && other.context.id !== begin.handler,
        ),
    );
  }

  refuseJoin({ handler, wire }: Join, identity: string): Refusal | undefined {
    const standing = this.responder(handler);
    if (standing !== undefined && !standing.shell.done) return refuseJoin(standing, identity, wire);
    return {
      reason: 'no-such-handler',
      text: `there is no Handler ${handler} here that was begun from elsewhere`,
    };
  }

  /** JOIN is on record. @returns what came in the way meanwhile */
  join(join: Join, identity: string, session: string): Refusal | undefined {
    return this.refuseJoin(join, identity) ?? this.responder(join.handler)?.join(join.wire, session);
  }

  // ── Coming and going ──

  /** HANDLE is on record: the Handler begins. @returns what came in the way meanwhile */
  open(id: string, handle: Handle, identity: string, session: string): Refusal | undefined {
    const refusal = this.refuseHandle(handle) ?? this.#keepSecret(handle);
    if (refusal !== undefined) {
      if (handle.auth.kind === 'password') this.#world.secrets.drop(handle.auth.secret);
      return refusal;
    }
    const { remote, auth, options, ...ends } = handle;
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
    const standing = this.responder(begin.handler);
    if (standing !== undefined) {
      standing.begin(begin, session, address);
      return undefined;
    }
    const others = this.#standing();
    let inTheWay: readonly HandlerActor[] = [];
    const unknown = asked(() => {
      const here = this.#isOn(begin);
      inTheWay = [...onSameMacs(others, begin, here), ...onSameBridges(others, begin, here)];
      return undefined;
    });
    if (unknown !== undefined) return unknown;
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
    // Only now, so that the device never is without a Handler: a TAP would be removed, with its addresses.
    for (const other of inTheWay) {
      if (other instanceof Responder && yields(other, identity)) other.yieldTo(begin.handler);
    }
    return undefined;
  }

  responder(id: string): Responder | undefined {
    return this.byId(id).find((handler): handler is Responder => handler instanceof Responder);
  }

  /** CLOSE is on record: the session hears when it is carried out. */
  close(id: string, session: string): void {
    const standing = this.byId(id);
    for (const handler of standing) handler.close(session);
    if (standing.length > 0) return;
    // It has ended by itself meanwhile, perhaps as one that its initiator would begin again.
    this.#world.rememberClosed(id);
    this.#world.sessions.handlerClosed(session, id);
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
    await Promise.all([...this.all().map((handler) => handler.shutdown()), ...this.#farewells]);
  }

  readonly #ended = (handler: HandlerActor): void => {
    if (this.#handlers.get(handler.actor) === handler) this.#handlers.delete(handler.actor);
    const { context, over } = handler;
    this.#farewells.add(over);
    void over.then(() => this.#farewells.delete(over));
    if (context.side === 'initiator' && context.auth.kind === 'password') {
      this.#unneeded.add(context.auth.secret);
      this.dropSecrets();
    }
  };

  /** Drops the secrets of Handlers that have ended. To be called again when the log is written again. */
  dropSecrets(): void {
    if (!this.#world.journal.available) return;
    for (const secret of this.#unneeded) this.#world.secrets.drop(secret);
    this.#unneeded.clear();
  }

  /** Its device is gone, and not back yet. */
  #refuseAway(standing: Responder): Refusal | undefined {
    const { context } = standing;
    if (context.away !== true || this.#world.devices.stands(context.localDevice)) return undefined;
    standing.stillWanted();
    return {
      reason: 'no-such-device',
      text: `the device of Handler ${context.id} is gone (${formatDevice(context.localDevice)}); it waits for it to come back`,
    };
  }

  /** Without those that are at their end and about to go. */
  #standing(): readonly HandlerActor[] {
    return this.all().filter(({ shell }) => !shell.done);
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

  #refuseDevice(ends: Ends): Refusal | undefined {
    const { devices } = this.#world;
    const sameForm = (one: DeviceSpec, other: DeviceSpec) => devices.sameForm(one, other);
    const { localDevice } = ends;
    return (
      devices.refuse(localDevice) ??
      refuseOtherForm(this.#standing(), localDevice, this.#isOn(ends), sameForm)
    );
  }

  /** Whether a Handler is on the interface that a new one names. Asked for only once it was not refused. */
  #isOn({ localDevice }: Ends): IsHere {
    const on = this.#world.devices.on(localDevice);
    return ({ actor, context }) => on(actor, context.localDevice);
  }
}

/** What stands against it, or that the kernel does not say which interfaces there are. */
function asked(ask: () => Refusal | undefined): Refusal | undefined {
  try {
    return ask();
  } catch (error) {
    return deviceRefusal(error);
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

function refuseTakeOver(standing: Responder, begin: Begin, identity: string): Refusal | undefined {
  const { context, shell } = standing;
  const text = (why: string) => `Handler ${begin.handler} stands here ${why}`;
  if (shell.done) return { reason: 'handler-exists', text: text('and is just being closed; try again') };
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
