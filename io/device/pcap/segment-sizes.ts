/**
 * What libpcap does not tell: which frames are several datagrams in one, and how long each is (UDP_SEGMENT, GRO). A
 * second socket on the same interface, with virtio headers, is given the heads of the same frames, TCP and small ones
 * left out; TCP can do without, since it is a stream.
 *
 *     interface ══ libpcap ════════════ frames ═══════╗
 *         ╚══ packet socket ══ heads with headers ══ matched ══ FRAME or OFFLOAD records
 *
 * The kernel gives each frame to the younger socket first, so what the head says is there when the frame is.
 */
import { addon, type NativePacketSocket, OUTCOME } from '../addon.ts';
import { HEADER_BYTES, payloadLength, TYPE_OFFLOAD, VNET_HEADER_BYTES } from './records.ts';

/** Bytes of each frame that are compared: all headers, and some of the data. */
const HEAD_BYTES = 128;
/** Datagrams that are worth to be put together are in longer frames. */
const LONGEST_SMALL = 60;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const TAGS = [0x8100, 0x88a8, 0x9100] as const;
const TCP = 6;
/** Of the protocol number in an untagged frame, by version. */
const PROTOCOL_AT = { 4: 23, 6: 20 } as const;

/** Heads that wait for their frames; the oldest are given up when it is full. */
const BUFFER_BYTES = 256 * 1024;
/** Room that the addon wants for a read. */
const READ_ROOM = 65_656;
/** Frames of our own that the second socket hears, too, after which it is emptied. */
const INJECTED_BETWEEN = 64;

/** [code, jt, jf, k] of linux/filter.h. */
type Instruction = readonly [number, number, number, number];
const LOAD_LENGTH: Instruction = [0x80, 0, 0, 0];
const loadHalf = (at: number): Instruction => [0x28, 0, 0, at];
const loadByte = (at: number): Instruction => [0x30, 0, 0, at];
const ifEqual = (k: number, jt: number, jf: number): Instruction => [0x15, jt, jf, k];
const ifGreater = (k: number, jt: number, jf: number): Instruction => [0x25, jt, jf, k];
const give = (bytes: number): Instruction => [0x06, 0, 0, bytes];

/** The kernel's tag, if there is one, is not in the frame that the filter sees. */
const FILTER: readonly Instruction[] = [
  LOAD_LENGTH,
  ifGreater(LONGEST_SMALL, 0, 11),
  loadHalf(12),
  ifEqual(TAGS[0], 8, 0),
  ifEqual(TAGS[1], 7, 0),
  ifEqual(TAGS[2], 6, 0),
  ifEqual(IPV4, 0, 2),
  loadByte(PROTOCOL_AT[4]),
  ifEqual(TCP, 4, 3),
  ifEqual(IPV6, 0, 3),
  loadByte(PROTOCOL_AT[6]),
  ifEqual(TCP, 1, 0),
  give(HEAD_BYTES),
  give(0),
];

function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  for (const [i, [code, jt, jf, k]] of program.entries()) {
    bytes.writeUInt16LE(code, i * 8);
    bytes.writeUInt8(jt, i * 8 + 2);
    bytes.writeUInt8(jf, i * 8 + 3);
    bytes.writeUInt32LE(k, i * 8 + 4);
  }
  return bytes;
}

/** Whether the second socket is given the head of such a frame, in which all tags stand. */
function isOfInterest(frame: Buffer, length: number): boolean {
  if (length <= LONGEST_SMALL) return false;
  let type = frame.readUInt16BE(12);
  let shift = 0;
  if (TAGS.includes(type as (typeof TAGS)[number])) {
    shift = 4;
    type = frame.readUInt16BE(16);
  }
  if (type === IPV4) return frame[PROTOCOL_AT[4] + shift] !== TCP;
  if (type === IPV6) return frame[PROTOCOL_AT[6] + shift] !== TCP;
  return TAGS.includes(type as (typeof TAGS)[number]);
}

/** Of a frame whose head says that it is no super-frame. */
const NO_HEADER = Buffer.alloc(0);

export class SegmentSizes {
  readonly #outcome = new Int32Array(OUTCOME.length);
  readonly #port: NativePacketSocket;
  readonly #heads = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #at = 0;
  #end = 0;
  #injected = 0;
  /** Apart, since heads move when a frame is injected, as may happen before this one is handed on. */
  readonly #header = Buffer.alloc(VNET_HEADER_BYTES);

  /** To be opened behind the capture whose frames it explains. @throws SystemError */
  constructor(ifindex: number) {
    this.#port = new (addon().PacketSocket)(ifindex, this.#outcome, () => undefined);
    this.#port.setFilter(assemble(FILTER));
  }

  /**
   * The virtio header of a frame that was captured, of 12 bytes and good until the next call; undefined when the frame
   * is no super-frame, or nobody knows.
   */
  headerOf(frame: Buffer, length: number): Buffer | undefined {
    if (!isOfInterest(frame, length)) return undefined;
    for (let from = this.#at; ; ) {
      const found = this.#find(frame, length, from);
      if (found !== undefined) return found === NO_HEADER ? undefined : found;
      from = this.#end;
      const moved = this.#read();
      if (moved === undefined) return undefined;
      from -= moved;
    }
  }

  /** A frame was injected, which the second socket hears: it is emptied now and then. */
  injected(): void {
    this.#injected += 1;
    if (this.#injected % INJECTED_BETWEEN === 0) while (this.#read() !== undefined);
  }

  close(): void {
    this.#port.close();
  }

  /** Looks for the head from that offset on; those before it are of frames that the capture has lost. */
  #find(frame: Buffer, length: number, from: number): Buffer | undefined {
    const heads = this.#heads;
    for (let at = from; at < this.#end; ) {
      const next = at + HEADER_BYTES + payloadLength(heads, at);
      const offload = heads[at] === TYPE_OFFLOAD;
      const head = at + HEADER_BYTES + (offload ? VNET_HEADER_BYTES : 0);
      if (next - head <= length && frame.compare(heads, head, next, 0, next - head) === 0) {
        this.#at = next;
        const isSuper = offload && heads[at + HEADER_BYTES + 1] !== 0;
        if (!isSuper) return NO_HEADER;
        heads.copy(this.#header, 0, at + HEADER_BYTES, head);
        return this.#header;
      }
      at = next;
    }
    return undefined;
  }

  /** Reads further heads. @returns by how many bytes the others moved to the front; undefined when there are none */
  #read(): number | undefined {
    const heads = this.#heads;
    if (BUFFER_BYTES - (this.#end - this.#at) < READ_ROOM) this.#giveUp();
    const moved = this.#at;
    heads.copyWithin(0, this.#at, this.#end);
    this.#end -= moved;
    this.#at = 0;
    this.#port.read(heads, this.#end, BUFFER_BYTES);
    if (this.#outcome[OUTCOME.frames] === 0) return undefined;
    this.#end = this.#outcome[OUTCOME.end]!;
    return moved;
  }

  /** The oldest half. */
  #giveUp(): void {
    const half = this.#at + (this.#end - this.#at) / 2;
    while (this.#at < half) this.#at += HEADER_BYTES + payloadLength(this.#heads, this.#at);
  }
}
