/**
 * Packets built the slow and obvious way, from a description to bytes, to check the fast code against.
 */
import fc from 'fast-check';

export interface Packet {
  /** TPIDs of the VLAN tags. */
  readonly tags: readonly number[];
  readonly destination: number;
  readonly source: number;
  readonly version: 4 | 6;
  readonly protocol: 6 | 17;
  /** Two addresses of 4 or 16 bytes each are taken out of it. */
  readonly addresses: Uint8Array;
  readonly identification: number;
  /** The 16-bit flags and fragment offset field. */
  readonly fragmentField: number;
  /** IPv4 options, a multiple of 4 bytes. */
  readonly ipOptions: Uint8Array;
  /** IPv6 extension headers: kind and how many 8-byte units follow the first. */
  readonly extensions: readonly { kind: number; units: number }[];
  readonly sequence: number;
  readonly acknowledgement: number;
  /** Low 12 bits of the 13th and 14th byte of the TCP header. */
  readonly flags: number;
  readonly window: number;
  readonly urgent: number;
  readonly tcpOptions: Uint8Array;
  readonly ports: readonly [number, number];
  readonly payload: Uint8Array;
}

/** A TCP packet whose identification and sequence number soon begin anew; to be changed to the need. */
export const EXAMPLE: Packet = {
  tags: [],
  destination: 0x525400000001,
  source: 0x525400000002,
  version: 4,
  protocol: 6,
  addresses: Uint8Array.from({ length: 32 }, (_, i) => i + 1),
  identification: 0xfffe,
  fragmentField: 0x4000,
  ipOptions: new Uint8Array(0),
  extensions: [],
  sequence: 0xfffffa00,
  acknowledgement: 7,
  flags: 0x10,
  window: 501,
  urgent: 0,
  tcpOptions: new Uint8Array(12),
  ports: [80, 40000],
  payload: Uint8Array.from({ length: 4000 }, (_, i) => i * 3),
};

export const CWR = 0x80;
export const ACK = 0x10;
export const PSH = 0x08;
export const FIN = 0x01;

export interface BuildOptions {
  /** Put the sum of the pseudo header in the checksum field instead of the checksum. */
  readonly partial?: boolean;
}

export interface Built {
  readonly frame: Buffer;
  readonly l3: number;
  readonly l4: number;
  readonly data: number;
}

/** Ones' complement sum of 16-bit words. */
export function slowSum(bytes: Uint8Array): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    total += bytes[at]! * 256 + (bytes[at + 1] ?? 0);
    if (total > 0xffff) total -= 0xffff;
  }
  return total;
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value & 0xffff);
  return bytes;
}

function mac(value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  return bytes;
}

function transport(packet: Packet, pseudo: Buffer, partial: boolean): Buffer {
  const tcp = packet.protocol === 6;
  const header = Buffer.alloc(tcp ? 20 + packet.tcpOptions.length : 8);
  header.writeUInt16BE(packet.ports[0], 0);
  header.writeUInt16BE(packet.ports[1], 2);
  const length = header.length + packet.payload.length;
  if (tcp) {
    header.writeUInt32BE(packet.sequence >>> 0, 4);
    header.writeUInt32BE(packet.acknowledgement >>> 0, 8);
    header.writeUInt16BE(((header.length / 4) << 12) | packet.flags, 12);
    header.writeUInt16BE(packet.window, 14);
    header.writeUInt16BE(packet.urgent, 18);
    header.set(packet.tcpOptions, 20);
  } else {
    header.writeUInt16BE(length & 0xffff, 4);
  }
  const field = tcp ? 16 : 6;
  const longPseudo = Buffer.concat([pseudo, Buffer.from([0, 0, 0, 0])]);
  longPseudo.writeUInt32BE(length, pseudo.length);
  if (partial) {
    header.writeUInt16BE(slowSum(longPseudo), field);
  } else {
    const checksum = 0xffff - slowSum(Buffer.concat([longPseudo, header, packet.payload]));
    header.writeUInt16BE(checksum === 0 && !tcp ? 0xffff : checksum, field);
  }
  return Buffer.concat([header, packet.payload]);
}

function ipv4(packet: Packet, partial: boolean): Buffer {
  const addresses = Buffer.from(packet.addresses.subarray(0, 8));
  const body = transport(packet, Buffer.concat([addresses, Buffer.from([0, packet.protocol])]), partial);
  const headerBytes = 20 + packet.ipOptions.length;
  const total = headerBytes + body.length;
  const header = Buffer.concat([
    Buffer.from([0x40 | (headerBytes / 4), 3]),
    u16(total > 65535 ? 0 : total),
    u16(packet.identification),
    u16(packet.fragmentField),
    Buffer.from([64, packet.protocol, 0, 0]),
    addresses,
    packet.ipOptions,
  ]);
  header.writeUInt16BE(0xffff - slowSum(header), 10);
  return Buffer.concat([header, body]);
}

function ipv6(packet: Packet, partial: boolean): { bytes: Buffer; headerBytes: number } {
  const addresses = Buffer.from(packet.addresses.subarray(0, 32));
  const body = transport(packet, Buffer.concat([addresses, Buffer.from([0, packet.protocol])]), partial);
  let next: number = packet.protocol;
  let extensions = Buffer.alloc(0);
  for (const { kind, units } of [...packet.extensions].reverse()) {
    const header = Buffer.alloc(8 + 8 * units);
    header[0] = next;
    // An authentication header counts in words of four bytes, and two less.
    header[1] = kind === 51 ? 2 * units : units;
    extensions = Buffer.concat([header, extensions]);
    next = kind;
  }
  const payload = extensions.length + body.length;
  const header = Buffer.concat([
    Buffer.from([0x60, 1, 2, 3]),
    u16(payload > 65535 ? 0 : payload),
    Buffer.from([next, 64]),
    addresses,
  ]);
  return { bytes: Buffer.concat([header, extensions, body]), headerBytes: 40 + extensions.length };
}

/** The Ethernet frame, and where its parts are. */
export function build(packet: Packet, { partial = false }: BuildOptions = {}): Built {
  const ethernet = Buffer.concat([
    mac(packet.destination),
    mac(packet.source),
    ...packet.tags.map((tpid) => Buffer.concat([u16(tpid), u16(0x2005)])),
    u16(packet.version === 4 ? 0x0800 : 0x86dd),
  ]);
  const six = packet.version === 6 ? ipv6(packet, partial) : undefined;
  const ip = six?.bytes ?? ipv4(packet, partial);
  const l3 = ethernet.length;
  const l4 = l3 + (six?.headerBytes ?? 20 + packet.ipOptions.length);
  const data = l4 + (packet.protocol === 6 ? 20 + packet.tcpOptions.length : 8);
  return { frame: Buffer.concat([ethernet, ip]), l3, l4, data };
}

/** The packet's segments with `size` bytes of data each, as a sender without offload would have made them. */
export function slowSegments(packet: Packet, size: number): Buffer[] {
  const segments: Buffer[] = [];
  for (let from = 0; from < packet.payload.length; from += size) {
    const last = from + size >= packet.payload.length;
    let flags = packet.flags;
    if (!last) flags &= ~(FIN | PSH);
    if (from > 0) flags &= ~CWR;
    const segment: Packet = {
      ...packet,
      flags,
      identification: (packet.identification + segments.length) & 0xffff,
      sequence: (packet.sequence + from) >>> 0,
      payload: packet.payload.subarray(from, from + size),
    };
    segments.push(build(segment).frame);
  }
  return segments;
}

export function frameRecord(frame: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0, frame.length >> 16, frame.length >> 8, frame.length]), frame]);
}

export interface Offload {
  readonly flags?: number;
  readonly gsoType?: number;
  readonly headerLength?: number;
  readonly gsoSize?: number;
  readonly csumStart?: number;
  readonly csumOffset?: number;
}

export function offloadRecord(frame: Uint8Array, offload: Offload): Buffer {
  const payload = Buffer.alloc(12 + frame.length);
  payload[0] = offload.flags ?? 0;
  payload[1] = offload.gsoType ?? 0;
  payload.writeUInt16LE(offload.headerLength ?? 0, 2);
  payload.writeUInt16LE(offload.gsoSize ?? 0, 4);
  payload.writeUInt16LE(offload.csumStart ?? 0, 6);
  payload.writeUInt16LE(offload.csumOffset ?? 0, 8);
  payload.set(frame, 12);
  const record = frameRecord(payload);
  record[0] = 1;
  return record;
}

/** The right virtio header and frame of this packet as a super-frame. */
export function superRecord(packet: Packet, gsoSize: number, more: Offload = {}): Buffer {
  const { frame, l4, data } = build(packet, { partial: true });
  const tcp = packet.protocol === 6;
  return offloadRecord(frame, {
    flags: 1,
    gsoType: tcp ? (packet.version === 4 ? 1 : 4) : 5,
    headerLength: data,
    gsoSize,
    csumStart: l4,
    csumOffset: tcp ? 16 : 6,
    ...more,
  });
}

/** Takes the records apart again. */
export function splitRecords(
  buffer: Buffer,
  start: number,
  end: number,
): { type: number; payload: Buffer }[] {
  const records = [];
  for (let at = start; at < end; ) {
    const length = buffer.readUIntBE(at + 1, 3);
    records.push({ type: buffer[at]!, payload: Buffer.from(buffer.subarray(at + 4, at + 4 + length)) });
    at += 4 + length;
  }
  return records;
}

export function framesOf(out: { readonly buffer: Buffer; readonly length: number }): Buffer[] {
  return splitRecords(out.buffer, 0, out.length).map(({ payload }) => payload);
}

/** `bytes` somewhere inside a larger buffer, as they stand in a batch. */
export function embed(bytes: Buffer, before: number): { buffer: Buffer; start: number; end: number } {
  const buffer = Buffer.alloc(before + bytes.length + 3, 0xaa);
  bytes.copy(buffer, before);
  return { buffer, start: before, end: before + bytes.length };
}

const words = (min: number, max: number) =>
  fc.integer({ min, max }).chain((n) => fc.uint8Array({ minLength: n * 4, maxLength: n * 4 }));

const payloads = (max: number) =>
  fc
    .tuple(fc.integer({ min: 1, max }), fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.boolean())
    .map(([length, pattern, ones]) => {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at++) bytes[at] = ones ? 0xff : pattern[at % pattern.length]! + at;
      return bytes;
    });

/** TCP and UDP over IPv4 and IPv6, with tags, options and extension headers. */
export function packets(options: {
  readonly maxPayload: number;
  readonly plain?: boolean;
}): fc.Arbitrary<Packet> {
  const most = options.plain === true ? 0 : 2;
  return fc
    .record({
      tags: fc.array(fc.constantFrom(0x8100, 0x88a8, 0x9100), { maxLength: 2 }),
      destination: fc.maxSafeNat().map((n) => n % 2 ** 48),
      source: fc.maxSafeNat().map((n) => n % 2 ** 48),
      version: fc.constantFrom(4 as const, 6 as const),
      protocol: fc.constantFrom(6 as const, 17 as const),
      addresses: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      identification: fc.integer({ min: 0, max: 0xffff }),
      fragmentField: fc.constantFrom(0, 0x4000),
      ipOptions: words(0, most),
      extensions: fc.array(
        fc.record({ kind: fc.constantFrom(0, 60), units: fc.integer({ min: 0, max: 2 }) }),
        { maxLength: most },
      ),
      sequence: fc.integer({ min: 0, max: 0xffffffff }),
      acknowledgement: fc.integer({ min: 0, max: 0xffffffff }),
      flags: fc.constantFrom(ACK, ACK | PSH, ACK | PSH | FIN, ACK | CWR, ACK | CWR | PSH, ACK | 0x140),
      window: fc.integer({ min: 0, max: 0xffff }),
      urgent: fc.constantFrom(0, 7),
      tcpOptions: words(0, 10),
      ports: fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0xffff })),
      payload: payloads(options.maxPayload),
    })
    .map((packet) => (packet.version === 4 ? packet : { ...packet, fragmentField: 0 }));
}
