/**
 * One link in the binary phase (PROTOCOL.md section 6): records in, records out, PING and PONG, and how it ends.
 *
 *     new Wire ──start──► running ──farewell()──► leaving ──► closed
 *                            │ ├──BYE came───────► leaving ──► closed   (bye)
 *                            │ └──wrong record───► leaving ──► closed   (protocolError)
 *                            └────silence, cut, destroy()────► closed   (broken, but not after destroy)
 *
 * At most one of `bye`, `protocolError` and `broken` is told, once, and none after `farewell` or `destroy`.
 * What is received is kept by nobody: the decoder holds at most one record that has not come whole.
 */
import { Subject } from 'rxjs';
import type { Clock, Link, TcpFacts, Timer } from '../../io/ports.ts';
import {
  type ByeReason,
  encodeBye,
  encodeNote,
  RecordDecoder,
  type RecordVisitor,
} from '../../machines/frames/records.ts';
import { Liveness, SILENCE_MS } from './liveness.ts';
import { Outbox } from './outbox.ts';

/** What a NOTE says before BYE `shutting-down` when it is not the server that goes. */
const DEVICE_AWAY = 'device=away';
/**
 * Why a wire ends. `device-away`: the sender's device is gone and the Handler waits for it to come back; to who does not
 * know of that it is a BYE `shutting-down`.
 */
export type Farewell = ByeReason | 'device-away';

/** How long the other end's own end is waited for after BYE. */
export const FAREWELL_MS = 3_000;

export interface WireEvents {
  /** The first record came, of whatever type. */
  firstRecord(): void;
  /** The wire is of no use any more, and nobody said BYE. `tcp`: what the kernel knew of it last, where it does. */
  broken(why: string, tcp: TcpFacts | undefined): void;
  /** The other end said BYE; it has been answered. */
  bye(reason: string): void;
  /** The other end lets us know something, `<key>=<value>`. */
  note?(text: string): void;
  /** The other end sent what is not a record; BYE `protocol-error` is on its way. */
  protocolError(text: string): void;
  /** A PING was answered, after so many microseconds. */
  roundTrip(micros: number): void;
}

/** Whole records one behind the other, FRAME and OFFLOAD only. The same object each time, valid during the call. */
export interface Run {
  buffer: Buffer;
  start: number;
  end: number;
  count: number;
}

const NOTHING = Buffer.alloc(0);

export class Wire {
  /** Frames from the other end; one emission for each run of them in what was read. */
  readonly runs$ = new Subject<Run>();
  /** The outbox has opened, fallen behind, caught up or closed. */
  readonly flow$ = new Subject<void>();

  readonly #outbox: Outbox;
  readonly #decoder: RecordDecoder;
  readonly #liveness: Liveness;
  readonly #run: Run = { buffer: NOTHING, start: 0, end: 0, count: 0 };
  #wayMicros = 0;
  #state: 'new' | 'running' | 'leaving' | 'closed' = 'new';
  #heardRecord = false;
  readonly #visitor: RecordVisitor = {
    frames: (buffer, start, end, count) => this.#frames(buffer, start, end, count),
    ping: (buffer, at) => {
      this.#record();
      this.#liveness.pinged(buffer, at);
    },
    pong: (buffer, at) => {
      this.#record();
      this.#liveness.ponged(buffer, at);
    },
    bye: (reason) => {
      this.#record();
      this.#bye(reason);
    },
    note: (text) => {
      if (text === DEVICE_AWAY) this.#deviceAway = true;
      else this.events.note?.(text);
    },
    error: (text) => this.#protocolError(text),
  };
  /** The other end's device is gone: it says BYE next. */
  #deviceAway = false;
  #guard: Timer | undefined;
  #left: Promise<void> | undefined;
  #resolveLeft: () => void = () => {};

  constructor(
    private readonly link: Link,
    private readonly clock: Clock,
    private readonly events: WireEvents,
    private readonly options: {
      readonly offload: boolean;
      readonly initiator: boolean;
      /** Called once, when the link is done with. */
      readonly over?: () => void;
    },
  ) {
    this.#decoder = new RecordDecoder({ offload: options.offload });
    this.#outbox = new Outbox(link);
    this.#outbox.onBehind = () => this.flow$.next();
    const outbox = this.#outbox;
    this.#liveness = new Liveness(clock, {
      get holds() {
        return outbox.holds;
      },
      control: (records, done) => this.#outbox.control(records, done),
      silent: () => this.#broken(`silent for ${SILENCE_MS / 1000} s`),
      roundTrip: (micros) => {
        this.#suit(this.lengthMicros);
        events.roundTrip(micros);
      },
    });
  }

  /** Round trip of the last PING that was answered, in microseconds; undefined before the first. */
  get rttMicros(): number | undefined {
    return this.#liveness.rttMicros;
  }

  /**
   * How long the way is: the shortest round trip of late as the kernel has it, else that of the last PING. A busy machine
   * and a lost packet make a PING's longer. In microseconds; undefined before the first.
   */
  get lengthMicros(): number | undefined {
    const { rttMicros } = this;
    return rttMicros === undefined ? undefined : Math.min(rttMicros, this.#leastRtt() ?? rttMicros);
  }

  /** How long the way was when that was last looked at, in microseconds; 0 as long as nobody knows. */
  get wayMicros(): number {
    return this.#wayMicros;
  }

  /** What the kernel knows of the connection, where there is one that does. */
  tcpFacts(): TcpFacts | undefined {
    return this.link.tcpFacts?.();
  }

  /** When anything was received last, in nanoseconds of the clock. */
  get heardAt(): number {
    return this.#liveness.heardAt;
  }

  /** Until when everything that was sent has arrived, in nanoseconds of the clock. */
  get arrivedUntil(): number {
    return this.#liveness.arrivedUntil;
  }

  /** Lets the other end know something; who does not know of it skips it. @param text at most 255 bytes */
  note(text: string): void {
    if (this.#state === 'running') this.#outbox.control(encodeNote(text), () => undefined);
  }

  /** A PING out of turn; nothing while one is under way. */
  ping(): void {
    if (this.#state === 'running' && !this.#liveness.waits) this.#liveness.ping();
  }

  /** A PING for one who asks. @param done gets microseconds; undefined: not within `timeout` milliseconds, or no wire */
  probe(timeout: number, done: (micros: number | undefined) => void): void {
    if (this.#state === 'running') this.#liveness.probe(timeout, done);
    else done(undefined);
  }

  /** Where frames go out; undefined before `start` and after the end. */
  get outbox(): Outbox | undefined {
    return this.#state === 'running' ? this.#outbox : undefined;
  }

  /**
   * Attaches to the link and begins. Whoever wants the frames is connected before, else those in `rest` are lost.
   * @param rest bytes that stood behind the answer line's LF; valid during the call only
   */
  start(rest: Uint8Array): void {
    this.#state = 'running';
    this.link.attach({
      data: (chunk) => this.#received(chunk),
      drain: () => this.#outbox.drained(),
      end: () => this.#ended(),
      closed: (error) => this.#closed(error),
    });
    // A connection that was dialled, greeted and said HELLO over has a round trip behind it.
    this.#suit(this.#leastRtt());
    this.flow$.next();
    this.#liveness.start(this.options.initiator);
    if (rest.length > 0) this.#received(Buffer.from(rest.buffer, rest.byteOffset, rest.byteLength));
  }

  /**
   * Says BYE, half-closes, reads and discards until the other's end or FAREWELL_MS, then closes.
   * Resolves when that is done, also when it did not work out. Calling it again gives the same promise.
   */
  farewell(reason: Farewell): Promise<void> {
    if (this.#left === undefined) {
      if (this.#state === 'new') this.start(NOTHING);
      this.#left = new Promise((resolve) => {
        this.#resolveLeft = resolve;
      });
      if (this.#state === 'running') this.#leave(lastWords(reason));
      else if (this.#state === 'closed') this.#resolveLeft();
    }
    return this.#left;
  }

  /** Drops the link at once and tells nobody. Idempotent. */
  destroy(): void {
    if (this.#state === 'closed') return;
    this.#close();
    this.link.destroy();
  }

  #leastRtt(): number | undefined {
    return this.link.tcpFacts?.()?.leastRttMicros || undefined;
  }

  #suit(lengthMicros: number | undefined): void {
    if (lengthMicros === undefined) return;
    this.#wayMicros = lengthMicros;
    this.link.suit?.(lengthMicros);
  }

  #received(chunk: Buffer): void {
    if (this.#state !== 'running') return;
    this.#liveness.heard();
    this.#decoder.push(chunk, this.#visitor);
    this.#liveness.answer();
  }

  #record(): void {
    if (this.#heardRecord) return;
    this.#heardRecord = true;
    this.events.firstRecord();
  }

  #frames(buffer: Buffer, start: number, end: number, count: number): void {
    this.#record();
    if (this.#state !== 'running') return;
    const run = this.#run;
    run.buffer = buffer;
    run.start = start;
    run.end = end;
    run.count = count;
    this.runs$.next(run);
    run.buffer = NOTHING;
  }

  #bye(reason: string): void {
    if (this.#state !== 'running') return;
    this.#leave();
    this.events.bye(this.#deviceAway && reason === 'shutting-down' ? 'device-away' : reason);
  }

  #protocolError(text: string): void {
    if (this.#state !== 'running') return;
    void this.farewell('protocol-error');
    this.events.protocolError(text);
  }

  /** The other end ended its direction: orderly when one of us said BYE. */
  #ended(): void {
    if (this.#state === 'running') this.#broken('the other end closed the connection without BYE');
  }

  #closed(error: Error | undefined): void {
    if (this.#state === 'running') this.#broken(error?.message ?? 'the connection was closed');
    else if (this.#state === 'leaving') this.#close();
  }

  #broken(why: string): void {
    if (this.#state !== 'running') return;
    const tcp = this.tcpFacts();
    this.destroy();
    this.events.broken(why, tcp);
  }

  /** Sends `last`, ends our direction and waits for the other's end. */
  #leave(last?: Uint8Array): void {
    this.#state = 'leaving';
    this.#liveness.stop();
    this.#outbox.close(last);
    this.#decoder.stop();
    this.link.end();
    this.#guard = this.clock.after(FAREWELL_MS, () => this.destroy());
    this.flow$.next();
  }

  #close(): void {
    this.#state = 'closed';
    this.#liveness.stop();
    this.#guard?.cancel();
    this.#outbox.close();
    this.#decoder.stop();
    this.#resolveLeft();
    this.options.over?.();
    this.flow$.next();
  }
}

function lastWords(reason: Farewell): Buffer {
  if (reason !== 'device-away') return encodeBye(reason);
  return Buffer.concat([encodeNote(DEVICE_AWAY), encodeBye('shutting-down')]);
}
