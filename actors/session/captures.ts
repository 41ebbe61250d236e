/** CAPTURE: what becomes of frames, one line for each, to one session. A client that is slow misses some, and is told. */
import type { Clock } from '../../io/ports.ts';
import { etherTypeOffset, macAt } from '../../machines/frames/ethernet.ts';
import { frameOffset, HEADER_BYTES, OFFLOAD } from '../../machines/frames/records.ts';
import { isSuperFrame } from '../../machines/frames/virtio.ts';
import { dataLine } from '../../machines/protocol/format.ts';
import { macNumber } from '../../machines/protocol/mac.ts';
import type { Capture } from '../../machines/protocol/types.ts';
import type { Capturer } from '../packet-path/frame-watch.ts';
import type { Direction, Verdict } from '../packet-path/observer.ts';

/** Bytes that wait for the client at most; what comes then is not shown. */
const MOST_WAITING = 1 << 20;
/** Offset of gso_size in a virtio header. */
const GSO_SIZE = 4;

/** Where lines go. */
export interface CaptureClient {
  /** Bytes that are on their way to the client. */
  readonly unsent: number;
  /** Lines, without the LF of the last one. */
  write(lines: string): void;
}

export class SessionCapture implements Capturer {
  readonly #mac: number | undefined;
  #missed = 0;
  #lines: string[] = [];
  #waiting = 0;

  constructor(
    private readonly capture: Capture,
    private readonly clock: Clock,
    private readonly client: CaptureClient,
  ) {
    this.#mac = capture.mac === undefined ? undefined : macNumber(capture.mac);
  }

  frame(
    handler: string | undefined,
    direction: Direction,
    verdict: Verdict | 'unselected',
    buffer: Buffer,
    at: number,
    next: number,
  ): void {
    const frame = frameOffset(buffer, at);
    if (!this.#wanted(verdict, buffer, frame, next)) return;
    if (this.client.unsent + this.#waiting > MOST_WAITING) {
      this.#missed++;
      return;
    }
    this.#confess();
    const end = Math.min(next, frame + this.capture.snap);
    this.#say('CAPTURED', {
      time: this.clock.wall(),
      handler: handler ?? '-',
      direction,
      verdict,
      length: next - frame,
      gso: gsoSize(buffer, at),
      frame: buffer.toString('base64', frame, end),
    });
  }

  /** The client has read on. */
  drained(): void {
    this.#confess();
  }

  #wanted(verdict: Verdict | 'unselected', buffer: Buffer, frame: number, next: number): boolean {
    const { only, type } = this.capture;
    if (only !== undefined && (only === 'carried') !== (verdict === 'carried')) return false;
    const mac = this.#mac;
    if (mac !== undefined && macAt(buffer, frame) !== mac && macAt(buffer, frame + 6) !== mac) return false;
    return type === undefined || buffer.readUInt16BE(etherTypeOffset(buffer, frame, next)) === type;
  }

  #confess(): void {
    if (this.#missed === 0) return;
    this.#say('CAPTURED', { missed: this.#missed });
    this.#missed = 0;
  }

  /** All lines of one turn of the event loop go out together. */
  #say(...line: Parameters<typeof dataLine>): void {
    if (this.#lines.length === 0) queueMicrotask(() => this.#flush());
    const text = dataLine(...line);
    this.#lines.push(text);
    this.#waiting += text.length;
  }

  #flush(): void {
    const text = this.#lines.join('\n');
    this.#lines = [];
    this.#waiting = 0;
    this.client.write(text);
  }
}

function gsoSize(buffer: Buffer, at: number): number | string {
  if (buffer[at] !== OFFLOAD || !isSuperFrame(buffer, at)) return '-';
  return buffer.readUInt16LE(at + HEADER_BYTES + GSO_SIZE);
}
