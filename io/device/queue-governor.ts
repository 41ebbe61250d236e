/**
 * How much the kernel may keep for a device that we read, so that frames wait milliseconds in it and not hundreds.
 *
 * A kernel's queue is counted in frames (a TAP's) or set once in bytes (a packet socket's), and neither fits every
 * rate: 512 places are 35 KB of the smallest frames, and 33 MB of super-frames, which a line of 100 Mbit/s needs
 * 2.7 s for. TCP without delay-based congestion control fills whatever there is. A queueing discipline such as
 * fq_codel on the TAP cannot help, for tun takes every frame and drops what finds no place (drivers/net/tun.c),
 * so that nothing ever waits in the discipline.
 *
 * So it is measured how fast frames leave while the wire is what they wait for (the device is paused most of the
 * time), and the queue is made as long as TARGET_MS of that. On a slow line super-frames are given up too: one of them
 * alone would take most of it. As long as the wire takes what comes the queue is of full length, so that bursts find
 * room; and so it is on a line that is faster than FAST: there the process's own turn on a processor may come later
 * than TARGET_MS, and what TCP has under way at most (tcp_wmem, tcp_rmem) is soon passed on.
 */

/** What the queue should be like now. */
export interface QueuePlan {
  /** Places in a queue that counts frames. */
  readonly frames: number;
  /** Bytes of frames in it at the most; infinite as long as the wire keeps up. */
  readonly bytes: number;
  readonly superFrames: boolean;
  /** Bytes after which no further frame is read at a time. */
  readonly batchBytes: number;
}

/** What is aimed at: time that a full queue takes to be passed on, in milliseconds. */
export const TARGET_MS = 10;
/** Bytes a millisecond: 1 Gbit/s. */
const FAST = 125_000;
/** Over which the rate is measured. */
export const WINDOW_MS = 100;
export const MOST_FRAMES = 512;
const LEAST_FRAMES = 16;
const SUPER_FRAME = 65_536;
const FRAME = 1514;
const MOST_BATCH_BYTES = 192 << 10;
const LEAST_BATCH_BYTES = 32 << 10;
/** One batch at a time is on its way for about this long. */
const BATCH_MS = 2;
/** In so many windows, one after the other, the wire has to be what is waited for: others than it may be slow once. */
const WINDOWS_OF_PROOF = 3;
const LONG_MS = WINDOWS_OF_PROOF * WINDOW_MS;
/** Under this many super-frames in TARGET_MS they are given up, over twice as many taken up again. */
const FEW_SUPER_FRAMES = 8;
/** Or when the wire has kept up for so many windows. */
const WINDOWS_OF_EASE = 10;
/** A queue is left as it is until it would change by more than this part. */
const SLACK = 0.3;

export const FULL: QueuePlan = {
  frames: MOST_FRAMES,
  bytes: Number.POSITIVE_INFINITY,
  superFrames: true,
  batchBytes: MOST_BATCH_BYTES,
};

export class QueueGovernor {
  /** What holds now. */
  plan = FULL;
  #began: number;
  #bytes = 0;
  #frames = 0;
  #pausedAt: number | undefined;
  #paused = 0;
  #windows = { behind: 0, ease: 0 };
  /** Most bytes a millisecond in the windows of proof. */
  #rate = 0;

  /**
   * @param now milliseconds of a clock that never goes back
   * @param changed the plan is another one
   */
  constructor(
    private readonly now: () => number,
    private readonly changed: (plan: QueuePlan) => void,
  ) {
    this.#began = now();
  }

  /** So much was read at once. */
  read(bytes: number, frames: number): void {
    this.#bytes += bytes;
    this.#frames += frames;
    this.#look();
  }

  /** Nothing is read from now on, because the wire is behind. */
  paused(): void {
    this.#pausedAt ??= this.now();
  }

  resumed(): void {
    this.#countPause();
    this.#pausedAt = undefined;
    this.#look();
  }

  #countPause(): void {
    if (this.#pausedAt === undefined) return;
    const now = this.now();
    this.#paused += now - this.#pausedAt;
    this.#pausedAt = now;
  }

  #look(): void {
    const took = this.now() - this.#began;
    if (took < WINDOW_MS) return;
    this.#countPause();
    const plan = this.#paused * 2 >= took ? this.#behind(took) : this.#eased();
    this.#began += took;
    this.#bytes = this.#frames = this.#paused = 0;
    if (this.#differs(plan)) {
      this.plan = plan;
      this.changed(plan);
    }
  }

  #behind(took: number): QueuePlan {
    const windows = this.#windows;
    windows.ease = 0;
    const perMs = this.#bytes / took;
    this.#rate = Math.max(perMs, windows.behind < WINDOWS_OF_PROOF && took < LONG_MS ? this.#rate : 0);
    windows.behind += took / WINDOW_MS;
    if (windows.behind < WINDOWS_OF_PROOF) return this.plan;
    return this.#rate >= FAST ? FULL : this.#planFor(this.#rate);
  }

  #planFor(perMs: number): QueuePlan {
    const bytes = perMs * TARGET_MS;
    const few = FEW_SUPER_FRAMES * SUPER_FRAME;
    const superFrames = bytes > (this.plan.superFrames ? few : 2 * few);
    // Frames that waited before super-frames were given up say nothing about those to come.
    const known = this.plan.superFrames === superFrames && this.#bytes > 0 && this.#frames > 0;
    const mean = known ? this.#bytes / this.#frames : FRAME;
    return {
      frames: clamp(Math.ceil(bytes / mean), LEAST_FRAMES, MOST_FRAMES),
      bytes,
      superFrames,
      batchBytes: clamp(Math.ceil(perMs * BATCH_MS), LEAST_BATCH_BYTES, MOST_BATCH_BYTES),
    };
  }

  /** The wire keeps up: full length at once, super-frames after some time. */
  #eased(): QueuePlan {
    const windows = this.#windows;
    windows.behind = 0;
    this.#rate = 0;
    windows.ease++;
    return this.plan.superFrames || windows.ease >= WINDOWS_OF_EASE ? FULL : { ...FULL, superFrames: false };
  }

  #differs(plan: QueuePlan): boolean {
    if (plan === this.plan) return false;
    const { frames, bytes, superFrames } = this.plan;
    if (plan.superFrames !== superFrames) return true;
    return far(plan.frames, frames) || far(plan.bytes, bytes);
  }
}

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);

function far(one: number, other: number): boolean {
  if (!Number.isFinite(one) || !Number.isFinite(other)) return one !== other;
  return Math.abs(one - other) > SLACK * Math.max(one, other);
}
