/**
 * Frame parser, virtio header, segmenter, mender, joiner of segments and role predicates. The input is
 *
 *     byte 0: MTU   bytes 1..12: virtio header   bytes 13…: Ethernet frame
 *
 * Everything is done twice, with other bytes before and behind the frame: nothing outside of it may count.
 */
import { isDeepStrictEqual } from 'node:util';
import { judgeOffload } from '../../../actors/packet-path/software-offload.ts';
import { addon } from '../../../io/device/addon.ts';
import { exceedsMtu } from '../../../machines/frames/ethernet.ts';
import { MacTable } from '../../../machines/frames/mac-table.ts';
import { mend } from '../../../machines/frames/mend.ts';
import { dataOffset, IpLayout, locate } from '../../../machines/frames/parse-ip.ts';
import { inbound, outbound } from '../../../machines/frames/predicates.ts';
import { FRAME, HEADER_BYTES, OFFLOAD, recordEnd, writeHeader } from '../../../machines/frames/records.ts';
import { segment } from '../../../machines/frames/segment.ts';
import { checkOffload } from '../../../machines/frames/virtio.ts';
import { RecordWriter } from '../../../machines/frames/writer.ts';
import { ROLES } from '../../../machines/protocol/types.ts';
import { build, EXAMPLE, framesOf, type Packet, superRecord } from '../../unit/frames/packets.ts';
import { SHELLS, superTunnel } from '../../unit/frames/tunnels.ts';
import { demand, type FuzzTarget } from '../target.ts';

const VIRTIO_BYTES = 12;
const ETHERNET_BYTES = 14;
const MTUS = [68, 576, 1280, 1400, 1500, 9000, 65_535];
/** With the smallest segments that are taken, from the longest frame that may come. */
const MOST_RECORDS = 9_000;
const MOST_BYTES = 2 << 20;

const PLAIN: Packet = {
  ...EXAMPLE,
  identification: 7,
  fragmentField: 0,
  sequence: 0xfffffff0,
  acknowledgement: 1,
  flags: 0x18,
  window: 1000,
  tcpOptions: new Uint8Array(0),
  ports: [80, 4000],
  payload: new Uint8Array(3000).fill(0x61),
};

const VARIANTS: readonly Partial<Packet>[] = [
  {},
  { version: 6 },
  { protocol: 17 },
  { version: 6, protocol: 17 },
  { tags: [0x8100] },
  { version: 6, tags: [0x88a8, 0x8100] },
  { tags: [0x9100, 0x8100, 0x8100] },
  { tcpOptions: new Uint8Array(12).fill(1), ipOptions: new Uint8Array(8).fill(1) },
  {
    version: 6,
    extensions: [
      { kind: 0, units: 0 },
      { kind: 60, units: 2 },
      { kind: 43, units: 1 },
    ],
  },
  { version: 6, protocol: 17, extensions: [{ kind: 44, units: 0 }] },
  { version: 6, extensions: [{ kind: 51, units: 4 }] },
  { protocol: 17, fragmentField: 0x2000 },
  { protocol: 17, payload: new Uint8Array(1), fragmentField: 0x4000 },
];

function seeds(): Buffer[] {
  const made: Buffer[] = [];
  for (const [index, variant] of VARIANTS.entries()) {
    const packet = { ...PLAIN, ...variant };
    // The record without its header: virtio header and frame, as the input has them.
    made.push(Buffer.concat([Buffer.from([index]), superRecord(packet, 1200).subarray(HEADER_BYTES)]));
    const { frame } = build(
      { ...packet, payload: packet.payload.subarray(0, 100) },
      { partial: index % 2 === 0 },
    );
    made.push(Buffer.concat([Buffer.from([index]), Buffer.alloc(VIRTIO_BYTES), frame]));
  }
  for (const [index, shell] of SHELLS.entries()) {
    const { record, frame } = superTunnel([shell], PLAIN, 1000, index % 3 === 0 ? { flags: 0 } : {});
    made.push(Buffer.concat([Buffer.from([index]), record.subarray(HEADER_BYTES)]));
    made.push(Buffer.concat([Buffer.from([index]), Buffer.alloc(VIRTIO_BYTES), frame]));
  }
  const segments = new RecordWriter();
  const whole = superRecord(PLAIN, 1000);
  segment(whole, 0, whole.length, 1500, segments);
  for (const frame of framesOf(segments)) made.push(Buffer.concat([Buffer.alloc(1 + VIRTIO_BYTES), frame]));
  return made;
}

export const frames: FuzzTarget = {
  name: 'frames',
  words: [
    '\x81\x00',
    '\x88\xa8',
    '\x08\x00\x45\x00',
    '\x86\xdd\x60',
    '\x06',
    '\x11',
    '\x2c',
    '\x3c',
    '\x33',
    '\x00\x00',
  ],
  seeds,
  run(input) {
    if (input.length < 1 + VIRTIO_BYTES + ETHERNET_BYTES) return;
    const mtu = MTUS[(input[0] ?? 0) % MTUS.length] ?? 1500;
    const payload = input.subarray(1);
    const one = look(payload, mtu, 0x00, 5);
    const other = look(payload, mtu, 0xff, 8);
    demand(isDeepStrictEqual(one, other), 'what stands around a frame counts');
  },
};

/** Everything that is ever done with a frame, in surroundings of `fill`. @returns all that came of it */
function look(payload: Buffer, mtu: number, fill: number, before: number): unknown[] {
  const offload = embed(OFFLOAD, payload, fill, before);
  const plain = embed(FRAME, payload.subarray(VIRTIO_BYTES), fill, before);
  const copies = [Buffer.from(offload.buffer), Buffer.from(plain.buffer)];
  const found = [
    parse(plain),
    judge(plain),
    takeApart(offload, mtu),
    putRight(plain, mtu),
    joinAndCut(plain, mtu),
  ];
  demand(
    offload.buffer.equals(copies[0]!) && plain.buffer.equals(copies[1]!),
    'a frame that came was changed',
  );
  return found;
}

interface Placed {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

function embed(type: number, payload: Uint8Array, fill: number, before: number): Placed {
  const end = before + HEADER_BYTES + payload.length;
  const buffer = Buffer.alloc(end + 64, fill);
  writeHeader(buffer, before, type, payload.length);
  buffer.set(payload, before + HEADER_BYTES);
  return { buffer, start: before, end };
}

function parse({ buffer, start, end }: Placed): unknown {
  const layout = new IpLayout();
  const frame = start + HEADER_BYTES;
  if (!locate(buffer, frame, end, layout)) return false;
  const { l3, l4, packetEnd, version, jumbo, ...rest } = layout;
  demand(
    l3 >= frame + 14 && l4 >= l3 + (version === 4 ? 20 : 40),
    'headers before the frame, or in each other',
  );
  demand(l4 <= end && packetEnd <= end && l4 <= packetEnd, 'a header past the end');
  const data = dataOffset(buffer, layout);
  demand(data === -1 || (data > l4 && data <= packetEnd), 'data outside of the packet');
  return {
    ...rest,
    l3: l3 - start,
    l4: l4 - start,
    end: packetEnd - start,
    data: data < 0 ? -1 : data - start,
    jumbo: jumbo < 0 ? -1 : jumbo - start,
  };
}

function judge({ buffer, start }: Placed): unknown {
  const macs = [PLAIN.destination, PLAIN.source];
  return ROLES.flatMap((role) => {
    const config = { role, multicast: true };
    return [
      outbound(config, macs, { l2cp: false }),
      inbound(config, macs, { l2cp: false }, new MacTable([PLAIN.source])),
    ].map((predicate) => predicate(buffer, start + HEADER_BYTES));
  });
}

function takeApart({ buffer, start, end }: Placed, mtu: number): unknown {
  const right = checkOffload(buffer, start, end);
  const judged = judgeOffload(buffer, start, end, mtu);
  const out = new RecordWriter();
  const made = segment(buffer, start, end, mtu, out);
  demand((right === true) === (made !== 'bad-offload'), 'segment and checkOffload disagree');
  demand((right === true) === (judged !== 'bad-offload'), 'judgeOffload and checkOffload disagree');
  if (judged === 'go') demand(made !== 'too-big', 'what fits as it is does not fit in pieces');
  const source = buffer.subarray(start + HEADER_BYTES + VIRTIO_BYTES, end);
  return [right, judged, checkMade(made, out, source, mtu)];
}

function putRight({ buffer, start, end }: Placed, mtu: number): unknown {
  const out = new RecordWriter();
  const made = mend(buffer, start, end, mtu, mtu, out);
  return checkMade(made, out, buffer.subarray(start + HEADER_BYTES, end), mtu);
}

/** Real frames that fit, of the same addresses, and not without bound. */
function checkMade(made: number | string, out: RecordWriter, source: Buffer, mtu: number): unknown {
  demand(out.records === (typeof made === 'number' ? made : 0), 'another number of records than it says');
  demand(out.records <= MOST_RECORDS && out.length <= MOST_BYTES, 'far more came of it than went in');
  let at = 0;
  for (; at < out.length; at = recordEnd(out.buffer, at)) {
    const frame = at + HEADER_BYTES;
    const next = recordEnd(out.buffer, at);
    demand(out.buffer[at] === FRAME && next - frame >= ETHERNET_BYTES, 'what was made is no frame');
    demand(!exceedsMtu(out.buffer, frame, next, mtu), 'what was made is longer than the MTU');
    demand(out.buffer.compare(source, 0, 12, frame, frame + 12) === 0, 'what was made has other addresses');
  }
  demand(at === out.length, 'what was made does not end where it says');
  return [made, out.buffer.toString('latin1', 0, out.length)];
}

/** The frame three times, so that there may be something to join; what was joined is cut to the same again. */
function joinAndCut({ buffer, start, end }: Placed, mtu: number): unknown {
  const three = Buffer.concat(Array.from({ length: 3 }, () => buffer.subarray(start, end)));
  follow(three, end - start);
  const out = Buffer.alloc(three.length);
  const used = addon().joinSegments(three, mtu, out);
  const back = new RecordWriter();
  let count = 0;
  for (let at = 0; at < used; at = recordEnd(out, at), count++) {
    const next = recordEnd(out, at);
    if (out[at] === FRAME) back.copy(out, at, next);
    else demand(typeof segment(out, at, next, 65_535, back) === 'number', 'what was joined cannot be cut');
  }
  demand(
    back.buffer.compare(three, 0, three.length, 0, back.length) === 0,
    'what was joined is cut to something else',
  );
  return [count, mtu];
}

/** Makes the second and third frame follow the first, where they are TCP over IP. */
function follow(three: Buffer, bytes: number): void {
  const layout = new IpLayout();
  for (let index = 1; index < 3; index++) {
    const frame = index * bytes + HEADER_BYTES;
    const end = (index + 1) * bytes;
    if (!locate(three, frame, end, layout) || layout.protocol !== 6) return;
    const data = dataOffset(three, layout);
    if (data < 0) return;
    const sequence = three.readUInt32BE(layout.l4 + 4);
    three.writeUInt32BE((sequence + index * (layout.packetEnd - data)) >>> 0, layout.l4 + 4);
    if (layout.version === 4)
      three.writeUInt16BE((three.readUInt16BE(layout.l3 + 4) + index) & 0xffff, layout.l3 + 4);
    correct(three, layout, end);
  }
}

/** Finishes the checksums by way of the mender, which only looks at those that are started. */
function correct(buffer: Buffer, { l3, l4, version, packetEnd }: IpLayout, end: number): void {
  if (packetEnd !== end) return;
  if (version === 4) {
    buffer.writeUInt16BE(0, l3 + 10);
    buffer.writeUInt16BE(complement(words(buffer.subarray(l3, l4))), l3 + 10);
  }
  buffer.writeUInt16BE(0, l4 + 16);
  const addresses = version === 4 ? buffer.subarray(l3 + 12, l3 + 20) : buffer.subarray(l3 + 8, l3 + 40);
  const total = words(addresses) + 6 + (end - l4) + words(buffer.subarray(l4, end));
  buffer.writeUInt16BE(complement(total), l4 + 16);
}

function words(bytes: Uint8Array): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  return total;
}

function complement(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}
