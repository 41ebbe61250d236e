/** What stands between two Handlers of one server: MAC addresses, devices, loops (PROTOCOL.md sections 3.1 and 3.2). */
import type { WiresContext } from '../../machines/handler/wires.ts';
import { formatDevice } from '../../machines/protocol/devices.ts';
import type { Refusal } from '../../machines/protocol/errors.ts';
import type { DeviceSpec, Ends } from '../../machines/protocol/types.ts';
import { sharedMac } from './compare.ts';
import type { HandlerActor } from './handler.ts';

type Handlers = Iterable<HandlerActor>;
/** Whether a Handler is on the interface that the new one names. */
export type IsHere = (other: HandlerActor) => boolean;

/** Handlers of the same role on the same interface that carry one of these MAC addresses. */
export function onSameMacs(handlers: Handlers, ends: Ends, here: IsHere): readonly HandlerActor[] {
  if (ends.localConfig.role === 'BRIDGE') return [];
  return [...handlers].filter(
    (other) =>
      other.context.localConfig.role === ends.localConfig.role &&
      here(other) &&
      sharedMac(other.context.macs, ends.macs) !== undefined,
  );
}

/** BRIDGE Handlers between that interface and one of that name at the other end, to whatever server. */
export function onSameBridges(handlers: Handlers, ends: Ends, here: IsHere): readonly HandlerActor[] {
  if (ends.localConfig.role !== 'BRIDGE') return [];
  return [...handlers].filter(
    (other) =>
      other.context.localConfig.role === 'BRIDGE' &&
      other.context.remoteDevice.ifname === ends.remoteDevice.ifname &&
      here(other),
  );
}

export function refuseMacs(handlers: Handlers, ends: Ends, here: IsHere): Refusal | undefined {
  const [other] = onSameMacs(handlers, ends, here);
  if (other === undefined) return undefined;
  const mac = sharedMac(other.context.macs, ends.macs);
  return {
    reason: 'mac-in-use',
    text: `Handler ${other.context.id} carries ${mac} as ${ends.localConfig.role} on this device; CLOSE it first`,
  };
}

/**
 * Two BRIDGE Handlers between the same two segments are a loop.
 * @param sameServer whether a Handler is to the server that the new one is to
 */
export function refuseSecondBridge(
  handlers: Handlers,
  ends: Ends,
  here: IsHere,
  sameServer: (other: HandlerActor) => boolean,
): Refusal | undefined {
  const other = onSameBridges(handlers, ends, here).find(sameServer);
  if (other === undefined) return undefined;
  return {
    reason: 'device-busy',
    text: `Handler ${other.context.id} bridges these two segments already; a second one would be a loop`,
  };
}

/**
 * A Handler is on that interface, or about to be, by another backend or with other options.
 * @param sameForm whether two devices are opened by the same backend, with the same options
 */
export function refuseOtherForm(
  handlers: Handlers,
  device: DeviceSpec,
  here: IsHere,
  sameForm: (one: DeviceSpec, other: DeviceSpec) => boolean,
): Refusal | undefined {
  for (const other of handlers) {
    const { id, localDevice } = other.context;
    if (!here(other) || sameForm(localDevice, device)) continue;
    return {
      reason: 'device-busy',
      text: `Handler ${id} is on ${formatDevice(localDevice)}; use that form, or CLOSE the Handlers on it first`,
    };
  }
  return undefined;
}

/** Whether the other end of a Handler has that address: what the initiator dialled, or where BEGIN came from. */
export function isTo({ context }: HandlerActor, address: string): boolean {
  if (context.side === 'responder') return context.peer === address;
  return context.peer !== null && hostOf(context.peer) === address;
}

/** The host of `HOST:PORT` or `[HOST]:PORT`. */
function hostOf(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

/** A Handler at the server that got BEGIN, as JOIN needs it. */
interface Joinable {
  readonly state: string;
  readonly context: { readonly id: string; readonly identity: string; readonly wires?: WiresContext };
}

/** What stands against a further wire of a Handler (PROTOCOL.md section 6.1). */
export function refuseJoin(
  { state, context }: Joinable,
  identity: string,
  wire: number,
): Refusal | undefined {
  if (context.identity !== identity) {
    return { reason: 'forbidden', text: `Handler ${context.id} belongs to another identity` };
  }
  if (state !== 'binary') {
    return { reason: 'wrong-state', text: `Handler ${context.id} has no wire 0 yet; BEGIN makes it` };
  }
  const most = context.wires?.most ?? 1;
  if (wire < most) return undefined;
  return {
    reason: 'too-many-wires',
    text: `Handler ${context.id} was granted ${most} wires, 0 to ${most - 1}`,
  };
}
