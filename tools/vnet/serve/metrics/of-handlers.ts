import { type PathCounters, RX_REASONS, TX_REASONS } from '../../../../actors/packet-path/counters.ts';
import type { HandlerView } from '../../../../actors/session/world.ts';
import type { TcpFacts } from '../../../../io/ports.ts';
import { formatDevice } from '../../../../machines/protocol/devices.ts';
import { formatRemote } from '../../../../machines/protocol/remote.ts';
import { type Family, type Group, labelled, type Sample } from './family.ts';

const LABELS = ['handler', 'peer', 'local_device'] as const;
const MICROS = 1e6;
const BITS = 8;

function labelsOf({ context }: HandlerView): readonly string[] {
  const peer = context.side === 'initiator' ? formatRemote(context.remote) : context.peer;
  return [context.id, peer === '' ? '-' : peer, formatDevice(context.localDevice)];
}

/** A metric of each Handler: `read` gives values of the labels `further`, and the value. */
function ofHandler(
  type: Family['type'],
  name: string,
  help: string,
  further: readonly string[],
  read: (handler: HandlerView) => readonly Sample[],
): Family {
  return labelled(type, name, help, [...LABELS, ...further], ({ handlers }) =>
    handlers.flatMap((handler) => {
      const labels = labelsOf(handler);
      return read(handler).map(([more, value]) => [[...labels, ...more], value] as const);
    }),
  );
}

/** What STATS? counts in both directions. One that has no place on its device yet has counted nothing. */
const bothWays = (
  name: string,
  help: string,
  tx: (counters: PathCounters) => number,
  rx: (counters: PathCounters) => number,
): Family =>
  ofHandler('counter', name, help, ['direction'], ({ counters }) => [
    [['tx'], counters === undefined ? 0 : tx(counters)],
    [['rx'], counters === undefined ? 0 : rx(counters)],
  ]);

const dropped = (counters: PathCounters | undefined): readonly Sample[] => [
  ...TX_REASONS.map((reason) => [['tx', reason], counters?.txDropped[reason] ?? 0] as const),
  ...RX_REASONS.map((reason) => [['rx', reason], counters?.rxDropped[reason] ?? 0] as const),
];

export const HANDLERS: Group = {
  title: 'Each Handler',
  families: [
    ofHandler(
      'gauge',
      'vnet_handler_info',
      'Always 1; its labels tell which side this server is, and the device of the other one',
      ['side', 'remote_device'],
      ({ context }) => [[[context.side, formatDevice(context.remoteDevice)], 1]],
    ),
    ofHandler('gauge', 'vnet_handler_up', '1 while it has a wire, 0 otherwise', [], ({ state }) => [
      [[], Number(state === 'binary')],
    ]),
    bothWays(
      'vnet_handler_seen_frames_total',
      'Frames that were on the device (tx) or came from the other server (rx), whatever became of them',
      ({ txSeen }) => txSeen,
      ({ rxSeen }) => rxSeen,
    ),
    bothWays(
      'vnet_handler_frames_total',
      'Frames that were given to the wire (tx) or to the device (rx)',
      ({ txFrames }) => txFrames,
      ({ rxFrames }) => rxFrames,
    ),
    bothWays(
      'vnet_handler_bytes_total',
      'Bytes of these frames',
      ({ txBytes }) => txBytes,
      ({ rxBytes }) => rxBytes,
    ),
    ofHandler(
      'counter',
      'vnet_handler_dropped_frames_total',
      'Frames that were not carried, by reason; `filtered` of tx were never meant for the wire',
      ['direction', 'reason'],
      ({ counters }) => dropped(counters),
    ),
    ofHandler(
      'counter',
      'vnet_handler_kernel_dropped_frames_total',
      "Frames that the kernel's queue on its device lost before they were read, since that was opened",
      [],
      ({ kernelDropped }) => [[[], kernelDropped]],
    ),
    ofHandler(
      'counter',
      'vnet_handler_device_interruptions_total',
      'How often its device carried nothing for a while and was started again, since it was opened',
      [],
      ({ deviceInterruptions }) => [[[], deviceInterruptions]],
    ),
    ofHandler(
      'gauge',
      'vnet_handler_rtt_seconds',
      'Round trip of the last PING that was answered; left out before the first',
      [],
      ({ rttMicros }) => (rttMicros === undefined ? [] : [[[], rttMicros / MICROS]]),
    ),
  ],
};

function ofWire(
  type: Family['type'],
  name: string,
  help: string,
  value: (facts: TcpFacts) => number,
): Family {
  return ofHandler(type, name, help, ['wire'], ({ wireFacts }) =>
    wireFacts.map(([wire, facts]) => [[String(wire)], value(facts)] as const),
  );
}

/** As the kernel tells them (TCP_INFO). */
export const WIRES: Group = {
  title: 'Each wire that stands',
  families: [
    ofHandler(
      'gauge',
      'vnet_wire_info',
      'Always 1; its label tells the congestion control, `-` where the kernel does not say',
      ['wire', 'congestion'],
      ({ wireFacts }) =>
        wireFacts.map(([wire, { congestion }]) => [[String(wire), congestion || '-'], 1] as const),
    ),
    ofWire('gauge', 'vnet_wire_rtt_seconds', 'Smoothed round trip', ({ rttMicros }) => rttMicros / MICROS),
    ofWire(
      'counter',
      'vnet_wire_retransmitted_segments_total',
      'Segments that were sent again since the wire stands',
      ({ retransmitted }) => retransmitted,
    ),
    ofWire(
      'gauge',
      'vnet_wire_unsent_bytes',
      'Bytes that wait in the kernel to be sent',
      ({ unsent }) => unsent,
    ),
    ofWire(
      'gauge',
      'vnet_wire_delivery_rate_bytes_per_second',
      'Rate at which bytes arrived at the other end, as measured last',
      ({ deliveryRate }) => deliveryRate / BITS,
    ),
  ],
};
