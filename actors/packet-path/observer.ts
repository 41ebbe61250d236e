/** Those who look on at what becomes of each frame of a Handler: DROPS? always, CAPTURE while it lasts. */
import type { RxReason, TxReason } from './counters.ts';

/** `tx` is device → peer, `rx` is peer → device. */
export type Direction = 'tx' | 'rx';
export type Verdict = 'carried' | TxReason | RxReason;

/** One for each Handler. Records are valid during the call only. */
export interface PathObserver {
  /**
   * Whether `seen` is to be called for every frame. While it is, frames are sent on one by one, so that each has a
   * verdict of its own; what is counted is the same.
   */
  readonly captures: boolean;
  /** A frame that should have crossed did not. Not told of frames that the role does not ask for (tx `filtered`). */
  dropped(direction: Direction, reason: TxReason | RxReason, buffer: Buffer, at: number, next: number): void;
  seen(direction: Direction, verdict: Verdict, buffer: Buffer, at: number, next: number): void;
  /** The path is closed. */
  closed(): void;
}

class Nobody implements PathObserver {
  readonly captures = false;
  dropped(): void {}
  seen(): void {}
  closed(): void {}
}

export const NOBODY: PathObserver = new Nobody();
