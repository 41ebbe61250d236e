/** What one session asks about frames: TRACE?, DROPS?, CAPTURE and PING?. */
import type { Link } from '../../io/ports.ts';
import { dataLine } from '../../machines/protocol/format.ts';
import type { Capture, Ping, Trace } from '../../machines/protocol/types.ts';
import type { PingSummary } from '../../machines/session/events.ts';
import { SessionCapture } from './captures.ts';
import { type CheckLines, checkLines } from './checks.ts';
import { type DropLines, dropLines, traceLines } from './frame-lines.ts';
import { pingWires } from './pings.ts';
import { type Asker, mayAskAbout } from './refusals.ts';
import type { SessionWorld } from './world.ts';

/** The session that asks. */
export interface Questioner extends Asker {
  readonly link: Link;
  /** One line; nothing once the connection is handed on or over. */
  write(line: string): void;
}

export class FrameQuestions {
  /** What TRACE? asks, until it is answered: the frame does not go on record. */
  trace: Trace | undefined;
  #capture: SessionCapture | undefined;
  #endPing: () => void = () => undefined;

  constructor(
    private readonly world: SessionWorld,
    private readonly session: Questioner,
  ) {}

  traced(): readonly string[] {
    const { trace } = this;
    this.trace = undefined;
    if (trace === undefined) throw new Error('there is no frame to trace');
    return traceLines(this.world, trace);
  }

  checks(): CheckLines {
    return checkLines(this.world, this.#mayAsk);
  }

  /** Those of Handlers that the session may ask about, also of such that are gone. */
  drops(handler: string | undefined): DropLines {
    return dropLines(this.world, handler, this.#mayAsk);
  }

  readonly #mayAsk = (owner: string) => mayAskAbout(this.world, this.session, owner);

  startCapture(capture: Capture): void {
    const { place } = capture;
    const segment = place.kind === 'device' ? this.world.devices.segment(place.device) : undefined;
    const { session } = this;
    this.#capture = new SessionCapture(capture, this.world.clock, {
      get unsent() {
        return session.link.unsent;
      },
      write: (line) => session.write(line),
    });
    if (place.kind === 'handler') this.world.frames.capture(this.#capture, { handler: place.handler });
    else if (segment !== undefined) this.world.frames.capture(this.#capture, { segment });
  }

  /** The client has read on. */
  drained(): void {
    this.#capture?.drained();
  }

  stopCapture(): void {
    if (this.#capture !== undefined) this.world.frames.release(this.#capture);
    this.#capture = undefined;
  }

  ping({ handler, count }: Ping, over: (summary: PingSummary) => void): void {
    this.#endPing = pingWires(this.world.clock, count, {
      wires: () => this.world.handlers.byId(handler).flatMap(({ standingWires }) => [...standingWires]),
      pong: (wire, micros) => {
        const line = dataLine('PONG', { wire, rtt_us: micros });
        this.session.write(micros === undefined ? `${line} lost` : line);
      },
      over,
    });
  }

  endPing(): void {
    this.#endPing();
  }
}
