/**
 * PING and PONG of one wire (PROTOCOL.md section 6): tells whether the other end is there, and how far away it is.
 */
import type { Clock, Timer } from '../../io/ports.ts';
import { encodePing, PING, PING_BYTES, PONG } from '../../machines/frames/records.ts';

export const PING_EVERY_MS = 5_000;
export const SILENCE_MS = 15_000;
/** When the silence timer itself comes late by more than this, the process stood still, and input may be waiting. */
const LATE_MS = 1_000;
/** A timer that fires before its moment does so by less than this. */
const EARLY_MS = 5;
/** PINGs of the other end that wait for an answer while the PONGs before are not out yet; more are not answered. */
const MAX_PONGS_DUE = 1_024;
/** First word of a PING that somebody asked for; those of the wire itself have 0. */
const PROBE = 1;
const NANOS_PER_MS = 1e6;

/** What liveness needs of its wire. */
export interface LivenessPort {
  /** Sends records ahead of all frames that wait; `done` when the link is finished with them. */
  control(records: Uint8Array, done: () => void): void;
  /** Frames wait in the process, which a PING overtakes. */
  readonly holds: boolean;
  /** Nothing was received for SILENCE_MS. */
  silent(): void;
  /** A PING was answered, after so many microseconds. */
  roundTrip(micros: number): void;
}

interface Probe {
  readonly sentAt: number;
  readonly timer: Timer;
  readonly done: (micros: number | undefined) => void;
}

export class Liveness {
  /** Round trip of the last PING that was answered, in microseconds. */
  rttMicros: number | undefined;

  #heardAt: number;
  #sequence = 0;
  #sentAt: number | undefined;
  /** Frames were held back when the PING under way was sent: it overtook them. */
  #overtook = false;
  #arrivedUntil = Number.NEGATIVE_INFINITY;
  readonly #timers: { ping?: Timer; silence?: Timer } = {};
  #pongs: Buffer[] = [];
  #answering = false;
  #probeSequence = 0;
  readonly #probes = new Map<number, Probe>();

  constructor(
    private readonly clock: Clock,
    private readonly port: LivenessPort,
  ) {
    this.#heardAt = clock.mono();
  }

  /** Begins; `now`: with a PING at once. */
  start(now: boolean): void {
    this.#heardAt = this.clock.mono();
    if (now) this.ping();
    this.#armPing();
    this.#armSilence(SILENCE_MS);
  }

  stop(): void {
    this.#timers.ping?.cancel();
    this.#timers.silence?.cancel();
    for (const number of [...this.#probes.keys()]) this.#probed(number, undefined);
  }

  /** A PING for one who asks, beside those of the wire. @param done gets microseconds; undefined: not in time, or the wire is over */
  probe(timeout: number, done: (micros: number | undefined) => void): void {
    const number = ++this.#probeSequence;
    const timer = this.clock.after(timeout, () => this.#probed(number, undefined));
    this.#probes.set(number, { sentAt: this.clock.mono(), timer, done });
    const payload = Buffer.alloc(PING_BYTES);
    payload.writeUInt32BE(PROBE);
    payload.writeUInt32BE(number, 4);
    this.port.control(encodePing(PING, payload), () => {});
  }

  #probed(number: number, at: number | undefined): void {
    const probe = this.#probes.get(number);
    if (probe === undefined) return;
    this.#probes.delete(number);
    probe.timer.cancel();
    probe.done(at === undefined ? undefined : Math.round((at - probe.sentAt) / 1000));
  }

  /** Something was received, whatever it was. */
  heard(): void {
    this.#heardAt = this.clock.mono();
  }

  /** A PING came: its 8 bytes stand in `buffer` at `at`. Answered by the next `answer`. */
  pinged(buffer: Uint8Array, at: number): void {
    if (this.#pongs.length >= MAX_PONGS_DUE) return;
    this.#pongs.push(encodePing(PONG, buffer.subarray(at, at + PING_BYTES)));
  }

  /** Sends the PONGs that are due. As long as earlier ones are not out they wait, so that they stay few. */
  answer(): void {
    if (this.#pongs.length === 0 || this.#answering) return;
    const records = Buffer.concat(this.#pongs);
    this.#pongs = [];
    this.#answering = true;
    this.port.control(records, () => {
      this.#answering = false;
      this.answer();
    });
  }

  /** A PONG came. Only the answer to the last PING counts. */
  ponged(buffer: Buffer, at: number): void {
    if (buffer.readUInt32BE(at) === PROBE)
      return this.#probed(buffer.readUInt32BE(at + 4), this.clock.mono());
    if (this.#sentAt === undefined || buffer.readUInt32BE(at) !== 0) return;
    if (buffer.readUInt32BE(at + 4) !== this.#sequence) return;
    this.rttMicros = Math.round((this.clock.mono() - this.#sentAt) / 1000);
    if (!this.#overtook) this.#arrivedUntil = this.#sentAt;
    this.#sentAt = undefined;
    this.port.roundTrip(this.rttMicros);
  }

  /**
   * Until when everything that was handed to the link has arrived at the other end, in nanoseconds of the clock: a PING
   * behind it was answered.
   */
  get arrivedUntil(): number {
    return this.#arrivedUntil;
  }

  /** A PING that is not answered yet is under way. */
  get waits(): boolean {
    return this.#sentAt !== undefined;
  }

  /** When anything was received last, by the clock's nanoseconds. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** A PING out of turn. */
  ping(): void {
    const payload = Buffer.alloc(PING_BYTES);
    this.#sequence = (this.#sequence + 1) >>> 0;
    payload.writeUInt32BE(this.#sequence, 4);
    this.#sentAt = this.clock.mono();
    this.#overtook = this.port.holds;
    this.port.control(encodePing(PING, payload), () => {});
  }

  /** All wires of a process PING at the same moments: a hundred idle ones wake it up once, not a hundred times. */
  #armPing(): void {
    const left = PING_EVERY_MS - ((this.clock.mono() / NANOS_PER_MS) % PING_EVERY_MS);
    const wait = left < EARLY_MS ? left + PING_EVERY_MS : left;
    this.#timers.ping = this.clock.after(wait, () => {
      this.ping();
      this.#armPing();
    });
  }

  #armSilence(milliseconds: number): void {
    const armedAt = this.clock.mono();
    this.#timers.silence = this.clock.after(milliseconds, () => {
      const now = this.clock.mono();
      const left = SILENCE_MS - (now - this.#heardAt) / NANOS_PER_MS;
      const late = (now - armedAt) / NANOS_PER_MS - milliseconds;
      if (left > 0) this.#armSilence(left);
      else if (late > LATE_MS) this.#armSilence(LATE_MS);
      else this.port.silent();
    });
  }
}
