/** The data lines of DEVICES?, HANDLERS?, STATS? and STATUS?. */
import type { InterfaceInfo, TcpFacts } from '../../io/ports.ts';
import { formatDevice } from '../../machines/protocol/devices.ts';
import { dataLine } from '../../machines/protocol/format.ts';
import { formatRemote } from '../../machines/protocol/remote.ts';
import { formatRole } from '../../machines/protocol/roles.ts';
import type { Report } from '../../machines/session/events.ts';
import { type PathCounters, RX_REASONS, TX_REASONS } from '../packet-path/counters.ts';
import type { HandlerView, InterfaceUsage, SessionWorld } from './world.ts';

/** @throws DeviceError when the kernel does not say which interfaces there are */
export function report(
  world: SessionWorld,
  what: Exclude<Report, 'HELP?' | 'TRACE?' | 'DROPS?' | 'CHECK?'>,
  handler: string | undefined,
): string[] {
  switch (what) {
    case 'DEVICES?':
      return devices(world);
    case 'HANDLERS?':
      return world.handlers.all().filter(isListed).map(handlerLine);
    case 'STATS?':
      return statistics(world.handlers.byId(handler ?? ''));
    case 'STATUS?':
      return world.status().map(([key, value]) => dataLine(['STATUS', key, value]));
  }
}

function devices(world: SessionWorld): string[] {
  const { interfaces } = world;
  const capture = interfaces.captureBackends();
  const usage = world.devices.usage();
  return interfaces
    .interfaces()
    .filter(({ kind }) => kind !== 'loopback')
    .map((info) =>
      deviceLine(info, usage.get(info.ifindex), [
        ...(info.kind === 'tap' ? ['tap'] : []),
        ...(info.unfit === undefined ? capture : []),
      ]),
    );
}

function deviceLine(
  info: InterfaceInfo,
  usage: InterfaceUsage | undefined,
  backends: readonly string[],
): string {
  return dataLine(['DEVICE', info.name], {
    kind: info.kind,
    mac: info.mac,
    mtu: info.mtu,
    state: info.up ? 'up' : 'down',
    backends: backends.join(',') || '-',
    // What is put on a captured interface goes out of it and does not reach this machine's own stack.
    local: info.kind === 'tap',
    handlers: usage?.handlers ?? 0,
    kernel_dropped: usage?.kernelDropped ?? 0,
  });
}

/** Not the one whose HANDLE has failed; one whose HANDLE is under way is there, with its state. */
function isListed({ state }: HandlerView): boolean {
  return state !== 'closed';
}

function handlerLine(handler: HandlerView): string {
  const { context, counters, rttMicros } = handler;
  const peer =
    context.side === 'initiator' ? formatRemote(context.remote) : context.peer === '' ? '-' : context.peer;
  return dataLine(['HANDLER', context.id], {
    state: handler.state,
    side: context.side,
    peer,
    local_device: formatDevice(context.localDevice),
    remote_device: formatDevice(context.remoteDevice),
    local_config: formatRole(context.localConfig),
    remote_config: formatRole(context.remoteConfig),
    macs: context.macs.join(','),
    rx_frames: counters?.rxFrames ?? 0,
    rx_bytes: counters?.rxBytes ?? 0,
    tx_frames: counters?.txFrames ?? 0,
    tx_bytes: counters?.txBytes ?? 0,
    dropped: counters === undefined ? 0 : dropped(counters),
    rtt_us: rttMicros === undefined ? '-' : Math.round(rttMicros),
    since: context.since,
    // Of one that does not carry: what brought it there.
    ...(handler.state === 'binary' || context.why === null ? {} : { why: context.why }),
  });
}

/** Frames that should have crossed and did not; those that were never meant for the wire are not among them. */
function dropped({ rxDropped, txDropped }: PathCounters): number {
  const sum = (reasons: Readonly<Record<string, number>>) =>
    Object.values(reasons).reduce((a, b) => a + b, 0);
  return sum(rxDropped) + sum(txDropped) - (txDropped.filtered ?? 0);
}

const zeros = (reasons: readonly string[]) => Object.fromEntries(reasons.map((reason) => [reason, 0]));

/** Of a Handler that has no place on its device yet. */
const NO_COUNTERS = {
  rxSeen: 0,
  rxFrames: 0,
  rxBytes: 0,
  txSeen: 0,
  txFrames: 0,
  txBytes: 0,
  rxDropped: zeros(RX_REASONS),
  txDropped: zeros(TX_REASONS),
};

/**
 * One line for each counter; of a server that dialled itself, the sum of both sides. What the kernel knows of its wires is
 * that of the end that dialled.
 */
function statistics(handlers: readonly HandlerView[]): string[] {
  const sums = new Map<string, number>();
  const add = (name: string, value: number) => sums.set(name, (sums.get(name) ?? 0) + value);
  for (const handler of handlers) {
    const counters = handler.counters ?? NO_COUNTERS;
    add('rx_seen', counters.rxSeen);
    add('rx_frames', counters.rxFrames);
    add('rx_bytes', counters.rxBytes);
    add('tx_seen', counters.txSeen);
    add('tx_frames', counters.txFrames);
    add('tx_bytes', counters.txBytes);
    add('kernel_dropped', handler.kernelDropped);
    add('device_interruptions', handler.deviceInterruptions);
    for (const [reason, count] of Object.entries(counters.rxDropped)) add(`rx_dropped_${reason}`, count);
    for (const [reason, count] of Object.entries(counters.txDropped)) add(`tx_dropped_${reason}`, count);
  }
  const wires = handlers[0]?.wireFacts.flatMap(([number, facts]) => wireStatistics(number, facts)) ?? [];
  return [...sums, ...wires].map(([name, value]) => dataLine(['STAT', name, String(value)]));
}

/** As the kernel tells them (TCP_INFO): microseconds, segments, bytes, bits a second. */
function wireStatistics(wire: number, facts: TcpFacts): (readonly [name: string, value: string | number])[] {
  return [
    [`wire${wire}_rtt_us`, facts.rttMicros],
    [`wire${wire}_retransmitted`, facts.retransmitted],
    [`wire${wire}_congestion`, facts.congestion === '' ? '-' : facts.congestion],
    [`wire${wire}_unsent`, facts.unsent],
    [`wire${wire}_delivery_rate`, Math.round(facts.deliveryRate)],
  ];
}
