/** The data lines of TRACE? and DROPS?. */
import { describeFrame } from '../../machines/frames/describe.ts';
import { exceedsCapture } from '../../machines/frames/ethernet.ts';
import { FRAME, HEADER_BYTES, writeHeader } from '../../machines/frames/records.ts';
import { formatDevice } from '../../machines/protocol/devices.ts';
import { dataLine } from '../../machines/protocol/format.ts';
import { formatRemote } from '../../machines/protocol/remote.ts';
import type { Trace } from '../../machines/protocol/types.ts';
import type { Drop } from '../packet-path/drop-ring.ts';
import { explain } from '../packet-path/explain.ts';
import type { Direction, Verdict } from '../packet-path/observer.ts';
import type { HandlerView, SessionWorld } from './world.ts';

/** A year has four digits in RFC 3339: a clock that is set beyond stands at this end. */
const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** One line for each Handler that the frame comes to. */
export function traceLines(world: SessionWorld, { place, frame }: Trace): string[] {
  const record = recordOf(frame);
  if (place.kind === 'handler') {
    return world.handlers.byId(place.handler).map((handler) => traceLine(world, handler, 'rx', record));
  }
  const on = world.devices.on(place.device);
  return world.handlers
    .all()
    .filter(({ actor, state, context }) => state !== 'closed' && on(actor, context.localDevice))
    .map((handler) => traceLine(world, handler, 'tx', record));
}

function recordOf(hex: string): Buffer {
  const frame = Buffer.from(hex, 'hex');
  const record = Buffer.alloc(HEADER_BYTES + frame.length);
  writeHeader(record, 0, FRAME, frame.length);
  frame.copy(record, HEADER_BYTES);
  return record;
}

function traceLine(world: SessionWorld, handler: HandlerView, direction: Direction, record: Buffer): string {
  const { context, onDevice } = handler;
  const verdict = verdictOf(world, handler, direction, record);
  const rules = {
    config: context.localConfig,
    macs: context.macs,
    options: context.options,
    mtu: onDevice?.mtu,
    farMtu: onDevice?.terms?.farMtu,
  };
  return dataLine('TRACE', {
    handler: context.id,
    direction,
    verdict,
    counter: verdict === 'carried' ? `${direction}_frames` : `${direction}_dropped_${verdict}`,
    check:
      onDevice === undefined ? 'the Handler has no device now' : explain(direction, verdict, rules, record),
    next: verdict === 'carried' ? nextOf(handler, direction) : '-',
  });
}

function verdictOf(
  { interfaces }: SessionWorld,
  { onDevice, context }: HandlerView,
  direction: Direction,
  record: Buffer,
): Verdict {
  if (onDevice === undefined) return direction === 'tx' ? 'no-carrier' : 'device-refused';
  const verdict = onDevice.trace(direction, record);
  if (direction === 'tx' || verdict !== 'carried') return verdict;
  // What is put on an interface that is down, or is too long for it by its tags, is refused by the kernel.
  const info = interfaces.interfaces().find(({ ifindex }) => ifindex === onDevice.ifindex);
  if (info?.up !== true) return 'device-refused';
  const captured = context.localDevice.kind === 'interface';
  const refused = captured && exceedsCapture(record, HEADER_BYTES, record.length, onDevice.mtu);
  return refused ? 'tag-too-long' : verdict;
}

function nextOf({ context }: HandlerView, direction: Direction): string {
  if (direction === 'rx') return formatDevice(context.localDevice);
  if (context.side === 'initiator') return formatRemote(context.remote);
  return context.peer === '' ? '-' : context.peer;
}

/** When a frame was dropped: RFC 3339 in UTC, with milliseconds. */
export function dropTime({ at }: Pick<Drop, 'at'>): string {
  return new Date(Math.min(at, LATEST_MS)).toISOString();
}

export interface DropLines {
  readonly lines: readonly string[];
  /** Drops that were not kept. */
  readonly missed: number;
}

/** @param mayAsk whether the session may be told of Handlers that this identity opened */
export function dropLines(
  { frames }: SessionWorld,
  handler: string | undefined,
  mayAsk: (owner: string) => boolean,
): DropLines {
  const { drops, missed } = frames.drops(handler, mayAsk);
  const lines = drops.map(({ at, handler: id, direction, reason, length, head }) => {
    const { source, destination, type, vlan, info } = describeFrame(head, 0, head.length);
    return dataLine('DROP', {
      time: dropTime({ at }),
      handler: id,
      direction,
      reason,
      source,
      destination,
      type: `0x${type.toString(16).padStart(4, '0')}`,
      vlan: vlan ?? '-',
      length,
      info,
    });
  });
  return { lines, missed };
}
