/**
 * How much the kernel may keep for a device that we read, so that frames wait milliseconds in it and not hundreds.
 *
 * A kernel's queue is counted in frames (a TAP's) or set once in bytes (a packet socket's), and neither fits every
 * rate: 512 places are 35 KB of the smallest frames, and 33 MB of super-frames, which a line of 100 Mbit/s needs
 * 2.7 s for. TCP without delay-based congestion control fills whatever there is. A queueing discipline such as
 * fq_codel on the TAP cannot help, for tun takes every frame and drops what finds no place (drivers/net/tun.c),
 * so that nothing ever waits in the discipline.
 *
 * So it is measured how fast frames leave while more of them wait than we can pass on, and the queue is made as
 * long as TARGET_MS of that. On a slow line super-frames are given up too: one of them alone would take most of it.
 * As long as we keep up with what comes the queue is of full length, so that bursts find room.
 */

/** What the queue should be like now. */
export interface QueuePlan {
  /** Places in a queue that counts frames. */
  readonly frames: number;
  /** Bytes of frames in it at the most; infinite as long as we keep up. */
  readonly bytes: number;
  readonly superFrames: boolean;
  /** Most bytes to read at a time. */
  readonly batchBytes: number;
}

/** What is aimed at: time that a full queue takes to be passed on, in milliseconds. */
export const TARGET_MS = 10;
/** Over which the rate is measured. */
export const WINDOW_MS = 100;
export const MOST_FRAMES = 512;
const LEAST_FRAMES = 16;
/** The longest frame with its record around it; no batch can be shorter. */
const LONGEST_FRAME = 65_656;
const MOST_BATCH_BYTES = 256 << 10;
/** One batch at a time takes at most this long. */
const BATCH_MS = 2;
/** Under this many super-frames in TARGET_MS they are given up, over twice as many taken up again. */
const FEW_SUPER_FRAMES = 8;
/** Or when we have kept up for so many windows. */
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
  #reads = 0;
  /** Reads that left something in the queue. */
  #unfinished = 0;
  #pausedAt: number | undefined;
  #paused = 0;
  #ease = 0;

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

  /** So much was read at once; `more`: perhaps not all there was. */
  read(bytes: number, frames: number, more: boolean): void {
    this.#bytes += bytes;
    this.#frames += frames;
    this.#reads++;
    if (more) this.#unfinished++;
    this.#look();
  }

  /** Nothing is read from now on. */
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
    const limited = this.#paused * 2 >= took || (this.#reads > 0 && this.#unfinished * 2 >= this.#reads);
    const plan = limited ? this.#limited(took) : this.#eased();
    this.#began += took;
    this.#bytes = this.#frames = this.#reads = this.#unfinished = this.#paused = 0;
    if (this.#differs(plan)) {
      this.plan = plan;
      this.changed(plan);
    }
  }

  #limited(took: number): QueuePlan {
    this.#ease = 0;
    const perMs = this.#bytes / took;
    const bytes = perMs * TARGET_MS;
    const few = FEW_SUPER_FRAMES * LONGEST_FRAME;
    const superFrames = bytes > (this.plan.superFrames ? few : 2 * few);
    // Frames that waited before super-frames were given up say nothing about those to come.
    const wasSuper = this.plan.superFrames && !superFrames;
    const mean = this.#frames > 0 && !wasSuper ? this.#bytes / this.#frames : 1514;
    return {
      frames: clamp(Math.ceil(bytes / mean), LEAST_FRAMES, MOST_FRAMES),
      bytes,
      superFrames,
      batchBytes: clamp(Math.ceil(perMs * BATCH_MS), LONGEST_FRAME, MOST_BATCH_BYTES),
    };
  }

  /** We keep up: full length at once, super-frames after some time. */
  #eased(): QueuePlan {
    this.#ease++;
    return this.plan.superFrames || this.#ease >= WINDOWS_OF_EASE ? FULL : { ...FULL, superFrames: false };
  }

  #differs(plan: QueuePlan): boolean {
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
