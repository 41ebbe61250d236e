/** What the child says beside the frames, over its own channel, so that it is heard also while frames wait. */
import type { DeviceError } from '../../ports.ts';

export type FromChild =
  | { readonly kind: 'opened' }
  | { readonly kind: 'failed'; readonly reason: DeviceError['reason']; readonly text: string }
  | { readonly kind: 'gone'; readonly text: string }
  /** What the user should know. */
  | { readonly kind: 'advice'; readonly text: string }
  | Counters;

/** Totals since the child began. */
export interface Counters {
  readonly kind: 'counters';
  /** Frames that the kernel's ring had no room for, or that did not come whole. */
  readonly drops: number;
  /** Frames that the kernel did not take for injection, and their bytes. */
  readonly refused: number;
  readonly refusedBytes: number;
  /** Of these: how many were too long for the interface by their VLAN tags. */
  readonly tooLong: number;
}

/** Descriptor of the frames' pipe in the child: 0..2 are the usual ones, 3 is the channel of `fork`. */
export const FRAMES_FD = 4;
