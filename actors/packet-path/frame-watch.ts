/** What a server knows of single frames: the ring of drops, and those who capture. */
import type { Clock } from '../../io/ports.ts';
import { frameOffset } from '../../machines/frames/records.ts';
import type { RxReason, TxReason } from './counters.ts';
import { type Drop, DropBudget, DropRing } from './drop-ring.ts';
import type { Direction, PathObserver, Verdict } from './observer.ts';
import type { Segment } from './segment.ts';

/** One who captures. */
export interface Capturer {
  /** @param handler undefined: no Handler on the device wants the frame. The record is valid during the call only */
  frame(
    handler: string | undefined,
    direction: Direction,
    verdict: Verdict | 'unselected',
    buffer: Buffer,
    at: number,
    next: number,
  ): void;
}

/** All frames of a Handler, or all that are on a device. */
export type CapturePlace = { readonly handler: string } | { readonly segment: Segment };

class HandlerObserver implements PathObserver {
  captures = false;
  readonly budget = new DropBudget();
  /** Those who capture the Handler, and these with those who capture its device. */
  private capturers: readonly Capturer[] = [];
  private all: readonly Capturer[] = [];

  constructor(
    readonly handler: string,
    readonly owner: string,
    readonly segment: Segment,
    private readonly ring: DropRing,
    private readonly over: (observer: HandlerObserver) => void,
  ) {}

  dropped(direction: Direction, reason: TxReason | RxReason, buffer: Buffer, at: number, next: number): void {
    const frame = frameOffset(buffer, at);
    this.ring.add(this.budget, this.handler, this.owner, direction, reason, buffer, frame, next);
  }

  seen(direction: Direction, verdict: Verdict, buffer: Buffer, at: number, next: number): void {
    // What this Handler does not ask for another one on the device may; where none does it is `unselected`.
    const asked = direction === 'rx' || verdict !== 'filtered';
    for (const capturer of asked ? this.all : this.capturers)
      capturer.frame(this.handler, direction, verdict, buffer, at, next);
  }

  captured(by: readonly Capturer[], onDevice: readonly Capturer[]): void {
    this.capturers = by;
    this.all = [...by, ...onDevice];
    this.captures = this.all.length > 0;
  }

  closed(): void {
    this.over(this);
  }
}

export class FrameWatch {
  readonly #ring: DropRing;
  readonly #observers = new Set<HandlerObserver>();
  readonly #captures = new Map<Capturer, CapturePlace>();
  /** Drops of Handlers that are not there any more, by the identities that opened them. */
  readonly #toldBefore = new Map<string, number>();

  constructor(clock: Clock) {
    this.#ring = new DropRing(clock);
  }

  /**
   * For the path of a Handler on a device, until that is closed.
   * @param owner the identity that opened the Handler
   */
  observer(handler: string, owner: string, segment: Segment): PathObserver {
    const observer = new HandlerObserver(handler, owner, segment, this.#ring, (over) => {
      if (!this.#observers.delete(over)) return;
      this.#toldBefore.set(owner, (this.#toldBefore.get(owner) ?? 0) + over.budget.told);
    });
    this.#takeUp(segment);
    this.#observers.add(observer);
    this.#connect(observer);
    return observer;
  }

  /**
   * @param handler only those of this one
   * @param mayAsk whether one may be told of Handlers that this identity opened
   * @returns the newest drops, oldest first, and how many more there were
   */
  drops(
    handler?: string,
    mayAsk: (owner: string) => boolean = () => true,
  ): { readonly drops: readonly Drop[]; readonly missed: number } {
    const wanted = (one: { readonly handler: string; readonly owner: string }) =>
      (handler === undefined || one.handler === handler) && mayAsk(one.owner);
    const drops = this.#ring.all().filter(wanted);
    const before = [...this.#toldBefore]
      .filter(([owner]) => handler === undefined && mayAsk(owner))
      .reduce((sum, [, told]) => sum + told, 0);
    const told = [...this.#observers].filter(wanted).reduce((sum, { budget }) => sum + budget.told, before);
    return { drops, missed: Math.max(0, told - drops.length) };
  }

  /** Until `release`. */
  capture(capturer: Capturer, place: CapturePlace): void {
    this.#captures.set(capturer, place);
    this.#changed(place);
  }

  /** Nothing when it does not capture. */
  release(capturer: Capturer): void {
    const place = this.#captures.get(capturer);
    if (place === undefined) return;
    this.#captures.delete(capturer);
    this.#changed(place);
  }

  /** Who captured a device that went hears of the one that came under its name. */
  #takeUp(segment: Segment): void {
    for (const [capturer, place] of this.#captures) {
      if (!('segment' in place) || place.segment === segment || !place.segment.over) continue;
      if (place.segment.device.ifname !== segment.device.ifname) continue;
      this.#captures.set(capturer, { segment });
      this.#changed({ segment });
    }
  }

  #changed(place: CapturePlace): void {
    for (const observer of this.#observers) this.#connect(observer);
    if (!('segment' in place)) return;
    const { segment } = place;
    const onlookers = [...this.#captures]
      .filter(([, other]) => 'segment' in other && other.segment === segment)
      .map(([capturer]) => capturer);
    segment.onUnwanted =
      onlookers.length === 0
        ? undefined
        : (buffer, at, next) => {
            for (const capturer of onlookers) capturer.frame(undefined, 'tx', 'unselected', buffer, at, next);
          };
  }

  #connect(observer: HandlerObserver): void {
    const of = (wanted: (place: CapturePlace) => boolean) =>
      [...this.#captures].filter(([, place]) => wanted(place)).map(([capturer]) => capturer);
    observer.captured(
      of((place) => 'handler' in place && place.handler === observer.handler),
      of((place) => 'segment' in place && place.segment === observer.segment),
    );
  }
}
