/** CAPTURED lines of a server, read. */
import type { DataAnswer } from '../client/conversation.ts';

export interface Captured {
  /** `near` or `far`. */
  readonly server: 'near' | 'far';
  /** RFC 3339 with microseconds. */
  readonly time: string;
  /** Undefined: no Handler wants it. */
  readonly handler: string | undefined;
  readonly direction: 'tx' | 'rx';
  readonly verdict: string;
  /** Of the frame, before it was cut. */
  readonly length: number;
  /** Bytes of data in each segment of a super-frame. */
  readonly gso: number | undefined;
  readonly bytes: Buffer;
}

/** So many frames were not shown, because this end read too slowly. */
export interface Missed {
  readonly missed: number;
}

/** Undefined for a line that is none. */
export function readCaptured(
  server: 'near' | 'far',
  { word, fields }: DataAnswer,
): Captured | Missed | undefined {
  if (word !== 'CAPTURED') return undefined;
  if (fields.missed !== undefined) return { missed: Number(fields.missed) };
  const { time = '', handler = '-', direction, verdict = '', length = '0', gso = '-', frame = '' } = fields;
  return {
    server,
    time,
    handler: handler === '-' ? undefined : handler,
    direction: direction === 'rx' ? 'rx' : 'tx',
    verdict,
    length: Number(length),
    gso: gso === '-' ? undefined : Number(gso),
    bytes: Buffer.from(frame, 'base64'),
  };
}

/** Nanoseconds since 1970 of an RFC 3339 time with up to nine digits behind the point; 0 for what is none. */
export function nanosecondsOf(time: string): bigint {
  const seconds = Date.parse(`${time.slice(0, 19)}Z`);
  if (Number.isNaN(seconds)) return 0n;
  const fraction = /\.(\d{1,9})/.exec(time)?.[1] ?? '0';
  return BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}
