/**
 * What in one server's log must have come before what in the other's: the lines and the BYEs of a Handler that went
 * over the wire. Found by Handler id and order; clocks only decide between what the order leaves open.
 *
 *     initiator's log                               responder's log
 *     handler  dialled        ◄──── greeting ─────  session  created
 *     handler  dialled        ────── HELLO ──────►  session  HELLO
 *     handler  hello-taken    ◄─────── OK ────────  session  verified
 *     handler  hello-taken    ────── BEGIN ──────►  session  BEGIN
 *     handler  begin-taken    ◄─────── OK ────────  session  handler-up
 *     handler  begin-taken    ─────── PING ──────►  handler  first-record
 *     handler  close …        ◄────── BYE ───────►  handler  bye          (either way)
 */
import type { LogRecord } from '../../../machines/log/record.ts';

/** One try of an initiator that came as far as BEGIN: numbers of its records. */
export interface Attempt {
  readonly time: number;
  dialled: number;
  readonly helloTaken: number;
  beginTaken?: number;
  refused?: number;
  /** Records that made this side say BYE, and that tell of a BYE, on the wire that came of it. */
  saidBye?: number;
  gotBye?: number;
}

/** One session that brought BEGIN, and the wire that came of it. */
export interface Arrival {
  readonly time: number;
  readonly created?: number;
  readonly hello?: number;
  readonly verified?: number;
  readonly begin: number;
  up?: number;
  refused?: number;
  firstRecord?: number;
  saidBye?: number;
  gotBye?: number;
}

export interface HandlerTraces {
  readonly attempts: Attempt[];
  readonly arrivals: Arrival[];
}

const SAYS_BYE = new Set(['close', 'shutdown', 'device-gone', 'device-away', 'protocol-error']);

interface SessionTrace {
  readonly created: number;
  hello?: number;
  verified?: number;
  arrival?: Arrival;
}

/** Collects the traces of one log, record by record. */
export class TraceCollector {
  /** By Handler id. */
  readonly handlers = new Map<string, HandlerTraces>();
  readonly #sessions = new Map<string, SessionTrace>();
  readonly #dialled = new Map<string, number>();

  take(record: LogRecord): void {
    if (record.actor.startsWith('session:')) this.#takeSession(record);
    else if (record.machine === 'initiator') this.#takeInitiator(record);
    else if (record.machine === 'responder') this.#takeResponder(record);
  }

  #takeSession({ seq, time, actor, event, to }: LogRecord): void {
    const trace = this.#sessions.get(actor);
    if (trace === undefined) {
      if (event.type === '@created') this.#sessions.set(actor, { created: seq });
      return;
    }
    if (event.type === 'HELLO') trace.hello = seq;
    else if (event.type === 'verified') trace.verified = seq;
    else if (event.type === 'BEGIN' && to === 'handling') this.#begin(trace, seq, time, event.args);
    else if (event.type === 'handler-up' && trace.arrival !== undefined) trace.arrival.up = seq;
    else if (event.type === 'handler-failed' && trace.arrival !== undefined) trace.arrival.refused = seq;
    if (to === 'closed') this.#sessions.delete(actor);
  }

  #begin(trace: SessionTrace, seq: number, time: string, args: unknown): void {
    const { handler } = args as { readonly handler?: string };
    if (handler === undefined) return;
    const { created, hello, verified } = trace;
    trace.arrival = {
      time: Date.parse(time),
      begin: seq,
      created,
      ...(hello === undefined ? {} : { hello }),
      ...(verified === undefined ? {} : { verified }),
    };
    this.#of(handler).arrivals.push(trace.arrival);
  }

  #takeInitiator({ seq, time, actor, event }: LogRecord): void {
    const id = idOf(actor);
    const attempt = this.#handlersOf(id)?.attempts.at(-1);
    if (event.type === 'dialled') {
      this.#dialled.set(id, seq);
    } else if (event.type === 'hello-taken') {
      const dialled = this.#dialled.get(id) ?? seq;
      this.#of(id).attempts.push({ time: Date.parse(time), dialled, helloTaken: seq });
    } else if (attempt !== undefined) {
      if (event.type === 'begin-taken') attempt.beginTaken = seq;
      else if (event.type === 'dial-failed' && event.remote !== undefined) attempt.refused ??= seq;
      else takeBye(attempt, seq, event.type);
    }
  }

  #takeResponder({ seq, actor, event }: LogRecord): void {
    const arrival = this.#handlersOf(idOf(actor))?.arrivals.findLast(({ up }) => up !== undefined);
    if (arrival === undefined) return;
    if (event.type === 'first-record') arrival.firstRecord ??= seq;
    else takeBye(arrival, seq, event.type);
  }

  #handlersOf(id: string): HandlerTraces | undefined {
    return this.handlers.get(id);
  }

  #of(id: string): HandlerTraces {
    let traces = this.handlers.get(id);
    if (traces === undefined) {
      traces = { attempts: [], arrivals: [] };
      this.handlers.set(id, traces);
    }
    return traces;
  }
}

function takeBye(wire: Attempt | Arrival, seq: number, type: string): void {
  if (type === 'bye') wire.gotBye ??= seq;
  else if (SAYS_BYE.has(type)) wire.saidBye ??= seq;
}

/** `handler:<id>`, with the side behind the id where a server holds both. */
function idOf(actor: string): string {
  return /^handler:([0-9a-f]+)/.exec(actor)?.[1] ?? actor;
}
