/**
 * The records of the binary phase (PROTOCOL.md section 6):
 *
 *     0        1                       4
 *     +--------+-----------------------+---------------- -
 *     |  type  |  length (big-endian)  |  payload
 *     +--------+-----------------------+---------------- -
 *
 *     FRAME    payload = Ethernet frame
 *     OFFLOAD  payload = virtio_net_hdr_v1 (12 bytes, virtio.ts), Ethernet frame
 *     PING     payload = 8 bytes, any
 *     PONG     payload = the 8 bytes of its PING
 *     BYE      payload = a reason word
 *     NOTE     payload = `<key>=<value>`; from another server's, what is not known is skipped
 */
import { ETHERNET_HEADER_BYTES } from './ethernet.ts';

export const FRAME = 0x00;
export const OFFLOAD = 0x01;
export const PING = 0x02;
export const PONG = 0x03;
export const BYE = 0x04;
/** Types from here up are skipped when not known. */
export const FIRST_IGNORABLE = 0x80;
export const NOTE = 0x80;

export const HEADER_BYTES = 4;
/** Bytes of the virtio_net_hdr_v1 in an OFFLOAD record. */
export const VNET_HEADER_BYTES = 12;
/** Most bytes of any payload. */
export const MAX_LENGTH = 131_072;
/** Most bytes of the Ethernet frame in an OFFLOAD record. */
export const MAX_OFFLOAD_FRAME = 65_575;
export const PING_BYTES = 8;
/** Bytes of a BYE's reason that are read; what is longer is cut. */
const MAX_REASON_BYTES = 255;
/** Longest text of a NOTE that is looked at, in bytes; a longer one is skipped. */
export const MAX_NOTE_BYTES = 255;

/** Writes a record header. `length` is that of the payload, 0..16,777,215. */
export function writeHeader(buffer: Buffer, at: number, type: number, length: number): void {
  buffer[at] = type;
  buffer[at + 1] = length >>> 16;
  buffer[at + 2] = length >>> 8;
  buffer[at + 3] = length;
}

/** Payload length that the record header at `at` says. */
export function payloadLength(buffer: Buffer, at: number): number {
  return (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
}

/** Offset behind the record that begins at `at`: where the next one begins. */
export function recordEnd(buffer: Buffer, at: number): number {
  return at + HEADER_BYTES + payloadLength(buffer, at);
}

/** Offset of the Ethernet frame in the FRAME or OFFLOAD record that begins at `at`. */
export function frameOffset(buffer: Buffer, at: number): number {
  return buffer[at] === OFFLOAD ? at + HEADER_BYTES + VNET_HEADER_BYTES : at + HEADER_BYTES;
}

/** A PING or PONG record with these 8 bytes. */
export function encodePing(type: typeof PING | typeof PONG, payload: Uint8Array): Buffer {
  const record = Buffer.alloc(HEADER_BYTES + PING_BYTES);
  writeHeader(record, 0, type, PING_BYTES);
  record.set(payload.subarray(0, PING_BYTES), HEADER_BYTES);
  return record;
}

export const BYE_REASONS = ['closed', 'shutting-down', 'device-gone', 'protocol-error', 'replaced'] as const;
export type ByeReason = (typeof BYE_REASONS)[number];

/** A BYE record. */
export function encodeBye(reason: ByeReason): Buffer {
  return encodeText(BYE, reason);
}

/** A NOTE record. @param text at most 255 bytes of UTF-8 */
export function encodeNote(text: string): Buffer {
  return encodeText(NOTE, text);
}

function encodeText(type: number, words: string): Buffer {
  const text = Buffer.from(words, 'utf8');
  const record = Buffer.alloc(HEADER_BYTES + text.length);
  writeHeader(record, 0, type, text.length);
  text.copy(record, HEADER_BYTES);
  return record;
}

/** Whether a record of that type and length is skipped, however long it is. */
function isSkipped(type: number, length: number): boolean {
  return type >= FIRST_IGNORABLE && !(type === NOTE && length <= MAX_NOTE_BYTES);
}

/**
 * What is wrong with a record header, as far as it alone tells; undefined when nothing is.
 * `offload`: whether both ends said `offload=on`.
 */
export function headerFault(type: number, length: number, offload: boolean): string | undefined {
  if (length > MAX_LENGTH) return `record of ${length} bytes; at most ${MAX_LENGTH} are allowed`;
  switch (type) {
    case FRAME:
      return length < ETHERNET_HEADER_BYTES
        ? `FRAME of ${length} bytes; an Ethernet frame has at least ${ETHERNET_HEADER_BYTES}`
        : undefined;
    case OFFLOAD:
      return offloadFault(length - VNET_HEADER_BYTES, offload);
    case PING:
    case PONG:
      return length === PING_BYTES ? undefined : `PING or PONG of ${length} bytes; it has ${PING_BYTES}`;
    case BYE:
      return undefined;
    default:
      return type >= FIRST_IGNORABLE
        ? undefined
        : `record type 0x${type.toString(16).padStart(2, '0')} is not known`;
  }
}

function offloadFault(frameBytes: number, offload: boolean): string | undefined {
  if (!offload) return 'OFFLOAD record though offload=on was not agreed';
  if (frameBytes < ETHERNET_HEADER_BYTES) {
    return `OFFLOAD of ${frameBytes + VNET_HEADER_BYTES} bytes; at least ${VNET_HEADER_BYTES + ETHERNET_HEADER_BYTES} are needed`;
  }
  if (frameBytes > MAX_OFFLOAD_FRAME) {
    return `OFFLOAD with a frame of ${frameBytes} bytes; at most ${MAX_OFFLOAD_FRAME} are allowed`;
  }
  return undefined;
}

/** Who is told of the records. Buffers are valid during the call only, and nobody may change them. */
export interface RecordVisitor {
  /** `count` whole FRAME and OFFLOAD records, one behind the other, in wire form from `start` to `end`. */
  frames(buffer: Buffer, start: number, end: number, count: number): void;
  /** The 8 bytes stand at `at`. */
  ping(buffer: Buffer, at: number): void;
  /** The 8 bytes stand at `at`. */
  pong(buffer: Buffer, at: number): void;
  /** The decoder is at its end: what comes behind a BYE is not looked at. */
  bye(reason: string): void;
  /** What the other end lets us know. */
  note(text: string): void;
  /** A protocol error. The decoder is dead. */
  error(text: string): void;
}

const NOTHING = Buffer.alloc(0);

/**
 * Finds the records in a stream of chunks. Whole records are shown where they stand in the chunk; only one that
 * goes over a chunk's end is copied, into a buffer that grows as its bytes come, to at most 131,076 bytes.
 * It keeps no reference to a chunk. After `error`, `bye` or `stop()` further bytes are ignored.
 */
export class RecordDecoder {
  /** The beginning of a record whose end has not come yet. */
  #partial = NOTHING;
  #have = 0;
  /** Payload bytes of an ignored record that are still to come. */
  #skip = 0;
  #stopped = false;

  readonly #offload: boolean;

  /** `offload`: whether both ends said `offload=on`. */
  constructor(options: { readonly offload: boolean }) {
    this.#offload = options.offload;
  }

  /** Whether further bytes are ignored. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Ignores everything from now on; may be called from within a visit. */
  stop(): void {
    this.#stopped = true;
    this.#partial = NOTHING;
    this.#have = 0;
  }

  /** Shows all records that are complete with this chunk, in order. Not to be called from within a visit. */
  push(chunk: Buffer, visitor: RecordVisitor): void {
    if (this.#stopped) return;
    let at = 0;
    if (this.#have > 0) {
      at = this.#complete(chunk, visitor);
      if (at < 0 || this.#stopped) return;
    }
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, chunk.length - at);
      this.#skip -= skipped;
      at += skipped;
    }
    if (at < chunk.length) this.#walk(chunk, at, chunk.length, visitor);
  }

  /** Adds to the partial record. @returns offset behind it, or -1 when the chunk is used up or broken. */
  #complete(chunk: Buffer, visitor: RecordVisitor): number {
    let at = 0;
    if (this.#have < HEADER_BYTES) {
      at = Math.min(HEADER_BYTES - this.#have, chunk.length);
      this.#keep(chunk, 0, at);
      if (this.#have < HEADER_BYTES) return -1;
      const type = this.#partial[0]!;
      const length = payloadLength(this.#partial, 0);
      const fault = headerFault(type, length, this.#offload);
      if (fault !== undefined) return this.#fail(fault, visitor);
      if (isSkipped(type, length)) {
        this.#have = 0;
        this.#skip = length;
        return at;
      }
    }
    const need = HEADER_BYTES + payloadLength(this.#partial, 0);
    const take = Math.min(need - this.#have, chunk.length - at);
    this.#keep(chunk, at, at + take);
    if (this.#have < need) return -1;
    this.#have = 0;
    this.#walk(this.#partial, 0, need, visitor);
    return at + take;
  }

  #walk(buffer: Buffer, from: number, end: number, visitor: RecordVisitor): void {
    let at = from;
    let runStart = from;
    let count = 0;
    while (end - at >= HEADER_BYTES) {
      const type = buffer[at]!;
      const length = (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
      const next = at + HEADER_BYTES + length;
      // The common case, without a call: a FRAME that is whole.
      if (type === FRAME && length >= ETHERNET_HEADER_BYTES && length <= MAX_LENGTH && next <= end) {
        at = next;
        count++;
        continue;
      }
      const fault = headerFault(type, length, this.#offload);
      if (type === OFFLOAD && fault === undefined && next <= end) {
        at = next;
        count++;
        continue;
      }
      if (count > 0) visitor.frames(buffer, runStart, at, count);
      count = 0;
      if (this.#stopped) return;
      if (fault !== undefined) {
        this.#fail(fault, visitor);
        return;
      }
      if (isSkipped(type, length)) {
        this.#skip = Math.max(0, next - end);
      } else {
        if (next > end) break;
        this.#control(buffer, at, type, length, visitor);
        if (this.#stopped) return;
      }
      at = Math.min(next, end);
      runStart = at;
    }
    if (count > 0) visitor.frames(buffer, runStart, at, count);
    if (at < end && !this.#stopped) this.#keep(buffer, at, end);
  }

  #control(buffer: Buffer, at: number, type: number, length: number, visitor: RecordVisitor): void {
    const payload = at + HEADER_BYTES;
    if (type === PING) visitor.ping(buffer, payload);
    else if (type === PONG) visitor.pong(buffer, payload);
    else if (type === NOTE) visitor.note(buffer.toString('utf8', payload, payload + length));
    else {
      this.stop();
      visitor.bye(buffer.toString('utf8', payload, payload + Math.min(length, MAX_REASON_BYTES)));
    }
  }

  #fail(text: string, visitor: RecordVisitor): -1 {
    this.stop();
    visitor.error(text);
    return -1;
  }

  /** Appends to the partial record, whose buffer grows by doubling, never past what one record may have. */
  #keep(chunk: Buffer, start: number, end: number): void {
    const need = this.#have + end - start;
    if (this.#partial.length < need) {
      const size = Math.min(Math.max(need, 2 * this.#partial.length, 2048), HEADER_BYTES + MAX_LENGTH);
      const grown = Buffer.allocUnsafeSlow(size);
      this.#partial.copy(grown, 0, 0, this.#have);
      this.#partial = grown;
    }
    chunk.copy(this.#partial, this.#have, start, end);
    this.#have = need;
  }
}
