/** The Ethernet of a simulation: numbered frames, and probes that stand on every segment and note what they hear. */
import type { MemoryDevice } from '../../io/memory/device.ts';
import type { MemoryHub } from '../../io/memory/hub.ts';
import type { Batch, Clock } from '../../io/ports.ts';
import { frameOffset, recordEnd } from '../../machines/frames/records.ts';
import { macNumber } from '../../machines/protocol/mac.ts';

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';
/** IEEE 802 local experimental EtherType 1. */
const ETHERTYPE = 0x88b5;
const MAGIC = 0x53494d21;
const SHORTEST = 60;

export interface SentFrame {
  readonly number: number;
  /** Segment that it began on. */
  readonly origin: string;
  readonly source: string;
  readonly destination: string;
  /** Nanoseconds of the simulation's clock. */
  readonly at: number;
}

export interface HeardFrame {
  readonly frame: SentFrame;
  readonly segment: string;
  readonly at: number;
}

/** One station that is not VNET, on one segment. */
class Probe {
  constructor(
    readonly segment: string,
    readonly device: MemoryDevice,
  ) {}
}

export class Probes {
  readonly sent: SentFrame[] = [];
  readonly heard: HeardFrame[] = [];
  /** Told of frames that were sent here and whose bytes are others now. */
  onDamaged: (text: string) => void = () => undefined;
  readonly #probes = new Map<string, Probe>();

  constructor(private readonly clock: Clock) {}

  get segments(): readonly string[] {
    return [...this.#probes.keys()];
  }

  /** Puts a station on a segment, unless it stands there. A segment that was made anew gets a new one. */
  watch(segment: string, hub: MemoryHub): void {
    const known = this.#probes.get(segment);
    if (known !== undefined && hub.devices.includes(known.device)) return;
    const device = hub.attach({ ifname: `probe of ${segment}`, mtu: 9000 });
    this.#probes.set(segment, new Probe(segment, device));
    device.start({ frames: (batch) => this.#frames(segment, batch), gone: () => undefined });
  }

  /** @returns the numbers of what was sent; nothing when the segment is not there */
  send(segment: string, source: string, destination: string, count: number, length = SHORTEST): number[] {
    const probe = this.#probes.get(segment);
    if (probe === undefined) return [];
    const at = this.clock.mono();
    const frames = Array.from({ length: count }, () => {
      const frame = { number: this.sent.length, origin: segment, source, destination, at };
      this.sent.push(frame);
      return frame;
    });
    probe.device.send(frames.map((frame) => encode(frame, length)));
    return frames.map(({ number }) => number);
  }

  #frames(segment: string, batch: Batch): void {
    for (let at = batch.start; at < batch.end; ) {
      const next = recordEnd(batch.buffer, at);
      this.#frame(segment, batch.buffer.subarray(frameOffset(batch.buffer, at), next));
      at = next;
    }
  }

  #frame(segment: string, bytes: Buffer): void {
    if (bytes.length < SHORTEST || bytes.readUInt16BE(12) !== ETHERTYPE) return;
    const number = bytes.readUInt32BE(18);
    const frame = this.sent[number];
    if (
      bytes.readUInt32BE(14) !== MAGIC ||
      frame === undefined ||
      !bytes.equals(encode(frame, bytes.length))
    ) {
      this.onDamaged(`a frame that nobody sent was heard on ${segment}: ${bytes.toString('hex', 0, 32)}`);
      return;
    }
    this.heard.push({ frame, segment, at: this.clock.mono() });
  }
}

function encode({ number, source, destination }: SentFrame, length: number): Buffer {
  const bytes = Buffer.alloc(length, number & 0xff);
  bytes.writeUIntBE(macNumber(destination), 0, 6);
  bytes.writeUIntBE(macNumber(source), 6, 6);
  bytes.writeUInt16BE(ETHERTYPE, 12);
  bytes.writeUInt32BE(MAGIC, 14);
  bytes.writeUInt32BE(number, 18);
  return bytes;
}
