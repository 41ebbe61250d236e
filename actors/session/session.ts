/** One connection to a control port, until it is closed or has become a wire. */
import type { Link, Timer } from '../../io/ports.ts';
import type { RequestOutcome } from '../../machines/handler/events.ts';
import { sessionDefinition } from '../../machines/index.ts';
import { helpLines } from '../../machines/protocol/commands.ts';
import { formatRefusal, type Reason, type Refusal } from '../../machines/protocol/errors.ts';
import { type Fields, formatGreeting, okLine } from '../../machines/protocol/format.ts';
import { parseLine } from '../../machines/protocol/parse.ts';
import { LINE_TOO_LONG, LineSplitter, type RawLine } from '../../machines/protocol/splitter.ts';
import type {
  Begin,
  BeginAgain,
  Command,
  Hello,
  SecretRef,
  State,
  Verb,
} from '../../machines/protocol/types.ts';
import type { AuthMethod, Report, SessionEffect, SessionEvent } from '../../machines/session/events.ts';
import type { SessionContext, sessionMachine } from '../../machines/session/machine.ts';
import { deviceRefusal } from '../device/refusals.ts';
import { type EffectTable, Shell } from '../shell.ts';
import { halfClose } from './half-close.ts';
import { FrameQuestions } from './questions.ts';
import { REFUSAL_TEXTS } from './refusal-texts.ts';
import { type CommandRefusal, changesNetwork, refuseCommand } from './refusals.ts';
import { report } from './reports.ts';
import type { Watcher } from './watchers.ts';
import type { SessionJournal, SessionWorld } from './world.ts';

const encoder = new TextEncoder();

/** What a session tells the list of sessions. */
export interface SessionHooks {
  authenticated(session: Session): void;
  closed(session: Session): void;
  /** Waits as long as failed HELLOs from that address make it, then verifies. */
  verify(session: Session, hello: Hello): void;
}

export class Session implements Watcher {
  readonly id: string;
  readonly shell: Shell<typeof sessionMachine, SessionEffect>;
  readonly #journal: SessionJournal;
  readonly #splitter = new LineSplitter();
  readonly #timers = new Map<string, Timer>();
  /** Text for people of the refusal that the next effects carry out. */
  #text = '';
  #inputEnded = false;
  /** What BEGIN said, until it is carried out. */
  #begin: Begin | undefined;
  readonly #questions: FrameQuestions;
  #proceeding = false;
  /** A line was taken to end a watch though answers are unread: one only, else a client could make the queue grow. */
  #endedUnread = false;
  #resting = false;
  /** Events whose effects are not carried out yet. */
  #underWay = 0;
  /** The link is the wire of a Handler now, or gone. */
  #handedOn = false;

  constructor(
    private readonly world: SessionWorld,
    readonly link: Link,
    methods: readonly AuthMethod[],
    private readonly hooks: SessionHooks,
  ) {
    this.id = world.chance.id(8);
    this.#questions = new FrameQuestions(world, this);
    const { scheme, peer, address } = link;
    this.#journal = world.sessionJournal(this.id, address);
    this.shell = Shell.create(this.#journal, `session:${this.id}`, sessionDefinition, this.#effects, {
      id: this.id,
      scheme,
      peer,
      address,
      methods,
      limits: world.limits.session,
    });
    link.attach({
      data: (chunk) => this.#data(chunk),
      drain: () => this.#drained(),
      end: () => {
        this.#inputEnded = true;
        this.#proceed();
      },
      closed: (error) => this.#lost(error?.message ?? 'the connection was closed'),
    });
  }

  get context(): SessionContext {
    return this.shell.context;
  }

  get state(): State {
    return this.shell.state as State;
  }

  /** @param text for people; it goes to the client behind the ERR that follows from the event, and not on record */
  send(event: SessionEvent, text = ''): void {
    if (!this.shell.send(event, this.#carriedOut(text))) return;
    this.#underWay++;
    if (this.shell.done) this.#settle();
    else if (event.type === 'verified') this.hooks.authenticated(this);
    this.#proceed();
  }

  /** Runs before the effects of an event. The next line is taken when they are carried out: one answer at a time. */
  #carriedOut(text = ''): () => void {
    return () => {
      this.#text = text;
      queueMicrotask(() => {
        this.#underWay--;
        this.#proceed();
      });
    };
  }

  // ── As a watcher ──

  get ready(): boolean {
    return this.link.unsent < this.world.limits.unread;
  }

  write(line: string): void {
    if (!this.#handedOn) this.link.write(encoder.encode(`${line}\n`));
  }

  // ── Lines in ──

  #data(chunk: Buffer): void {
    this.#splitter.push(chunk);
    this.#proceed();
  }

  #drained(): void {
    this.world.watchers.ready(this);
    this.#questions.drained();
    if (this.ready) this.#endedUnread = false;
    this.#proceed();
  }

  /** Takes lines for as long as they may be taken: answers come in order, one at a time. */
  #proceed(): void {
    if (this.#proceeding) return;
    this.#proceeding = true;
    while (this.#mayTakeLine()) {
      const raw = this.#splitter.next();
      if (raw === undefined) break;
      this.#line(raw);
      this.#slowDown();
    }
    this.#proceeding = false;
    if (this.#beginning && this.#splitter.held > 0) {
      this.send({ type: 'early-bytes' }, EARLY_BYTES);
    } else if (this.#inputEnded && this.#mayTakeLine()) {
      this.send({ type: 'end' });
    }
    this.#throttle();
  }

  /** A stranger that sends line after line is read slowly. */
  #slowDown(): void {
    const delay = this.#journal.delay();
    if (delay === 0 || this.#resting) return;
    this.#resting = true;
    this.world.clock.after(delay, () => {
      this.#resting = false;
      this.#proceed();
    });
  }

  get #beginning(): boolean {
    const { request } = this.context;
    return this.state === 'handling' && (request === 'BEGIN' || request === 'JOIN');
  }

  #mayTakeLine(): boolean {
    const asked = this.state === 'unauthenticated' || this.state === 'authenticated';
    return (
      asked &&
      this.#underWay === 0 &&
      !this.#resting &&
      this.context.pending === null &&
      (this.ready || (this.context.watching && !this.#endedUnread))
    );
  }

  /** What the client sends ahead waits in the kernel, not here. */
  #throttle(): void {
    if (this.#handedOn || this.shell.done) return;
    if (this.#mayTakeLine() || this.#beginning) this.link.resume();
    else this.link.pause();
  }

  #line(raw: RawLine): void {
    this.#endedUnread = !this.ready;
    // It ends a watch: not even its own record is shown any more.
    this.#stopWatching();
    if (raw.kind === 'too-long') {
      this.send({ type: 'bad-line', reason: LINE_TOO_LONG.reason, length: 8192 }, LINE_TOO_LONG.text);
      return;
    }
    const { length } = raw.bytes;
    const { secrets } = this.world;
    let secret: SecretRef | undefined;
    const line = parseLine(raw.bytes, (text) => {
      secret = secrets.keep(text);
      return secret;
    });
    if (line.kind === 'empty') {
      this.send({ type: 'empty-line' });
    } else if (line.kind === 'bad') {
      const { verb, refusal } = line;
      const { reason, text } = refusal;
      this.send({ type: 'bad-line', reason, length, ...(verb === undefined ? {} : { verb }) }, text);
    } else {
      this.#command(line.command, length);
      const wanted = this.context.pending === 'verify' || this.state === 'handling';
      if (secret !== undefined && !wanted) secrets.drop(secret);
    }
  }

  #command(command: Command, length: number): void {
    const objected: CommandRefusal = refuseCommand(this.world, this, command);
    const { verb } = command;
    if (objected.refusal !== undefined) {
      const { reason, text } = objected.refusal;
      const objection = { reason, ...(objected.rule === undefined ? {} : { rule: objected.rule }) };
      // Of arguments that are refused nothing goes on record but the verb: they may hold what does not belong there.
      this.send({ type: verb, objection, length } as SessionEvent, text);
      return;
    }
    const event = this.#event(command, length);
    // Before HELLO it is refused anyhow, and a stranger's records may be held back: nothing is written at once.
    if (!changesNetwork(verb) || this.state !== 'authenticated') return this.send(event as SessionEvent);
    const outcome = this.shell.trySend(event as SessionEvent, this.#carriedOut());
    if (outcome === 'taken') this.#underWay++;
    if (outcome !== 'unrecorded') return;
    this.send({ type: verb, objection: { reason: 'log-unavailable' }, length } as SessionEvent);
  }

  /** What goes on record of a command is what the machine needs: a wire that flaps, or a stranger, fills no disk. */
  #event({ verb, args }: Command, length: number): { readonly type: Verb } {
    if (!args.ok || args.value === null) return { type: verb };
    if (this.state === 'unauthenticated' && verb !== 'HELLO') return { type: verb, ...{ length } };
    if (verb === 'HANDLE') return { type: verb, ...{ args: args.value, handler: this.world.chance.id(16) } };
    if (verb === 'BEGIN') this.#begin = args.value;
    if (verb === 'TRACE?') {
      // The frame is for the answer, not for the record.
      this.#questions.trace = args.value;
      return { type: verb, ...{ args: { place: args.value.place } } };
    }
    return { type: verb, ...{ args: verb === 'BEGIN' ? this.#abridge(args.value) : args.value } };
  }

  /** A Handler that stands has its devices, roles and MAC addresses on record; that they are the same was looked at. */
  #abridge(begin: Begin): Begin | BeginAgain {
    const { handler, mtu, options } = begin;
    return this.world.handlers.responder(handler) === undefined ? begin : { handler, mtu, options };
  }

  // ── Effects ──

  readonly #effects: EffectTable<SessionEffect> = {
    greet: ({ methods }) => this.write(formatGreeting(this.world.name, methods)),
    answer: ({ line }) => this.write(line),
    refuse: ({ reason }) => this.write(formatRefusal(this.#refusal(reason))),
    report: ({ what, state, handler }) => this.#report(what, state, handler),
    verify: ({ hello }) => this.hooks.verify(this, hello),
    open: ({ handler, handle }) => {
      const refusal = this.world.handlers.open(handler, handle, this.context.identity ?? '', this.id);
      this.#requestFailed(handler, refusal);
    },
    begin: ({ begin: { handler } }) => {
      const { identity, address } = this.context;
      const begin = this.#begin;
      if (begin === undefined) throw new Error(`session ${this.id} has no BEGIN for Handler ${handler}`);
      this.#begin = undefined;
      const refusal = this.world.handlers.begin(begin, identity ?? '', this.id, address);
      this.#requestFailed(handler, refusal);
    },
    join: ({ join }) => {
      const refusal = this.world.handlers.join(join, this.context.identity ?? '', this.id);
      this.#requestFailed(join.handler, refusal);
    },
    close: ({ handler }) => this.world.handlers.close(handler, this.id),
    watch: () => this.world.watchers.add(this),
    unwatch: () => this.#stopWatching(),
    capture: ({ capture }) => this.#questions.startCapture(capture),
    ping: ({ ping }) => this.#questions.ping(ping, (summary) => this.send({ type: 'pinged', ...summary })),
    becomeWire: ({ handler, line, wire }) => this.#becomeWire(handler, line, wire),
    abandon: ({ handler }) => this.world.handlers.responder(handler)?.abandoned(this.id),
    arm: ({ timer, ms }) => this.#arm(timer, ms),
    cancel: ({ timer }) => this.#cancel(timer),
    hangUp: () => this.#hangUp(),
  };

  #refusal(reason: Reason): Refusal {
    const text = this.#text === '' ? REFUSAL_TEXTS[reason] : this.#text;
    return { reason, text };
  }

  #requestFailed(handler: string, refusal: Refusal | undefined): void {
    if (refusal === undefined) return;
    const news: RequestOutcome = { type: 'handler-failed', handler, reason: refusal.reason };
    this.send(news, refusal.text);
  }

  #report(what: Report, state: State, handler: string | undefined): void {
    let lines: readonly string[];
    let fields: Fields = {};
    try {
      if (what === 'DROPS?') ({ lines, ...fields } = this.#questions.drops(handler));
      else if (what === 'CHECK?') ({ lines, ...fields } = this.#questions.checks());
      else if (what === 'TRACE?') lines = this.#questions.traced();
      else lines = what === 'HELP?' ? helpLines(state) : report(this.world, what, handler);
    } catch (error) {
      this.write(formatRefusal(deviceRefusal(error)));
      return;
    }
    for (const line of lines) this.write(line);
    this.write(what === 'HELP?' ? 'OK' : okLine({ count: lines.length, ...fields }));
  }

  #stopWatching(): void {
    this.world.watchers.delete(this);
    this.#questions.stopCapture();
  }

  #becomeWire(handler: string, line: string, wire: number | undefined): void {
    this.write(line);
    const responder = this.world.handlers.responder(handler);
    if (responder === undefined || this.#inputEnded) {
      // A client that has ended its stream got its answer; a wire it cannot be.
      this.#hangUp();
      responder?.abandoned(this.id);
      this.send({ type: 'wire-ended' });
      return;
    }
    const rest = this.#splitter.rest();
    this.#handedOn = true;
    this.link.resume();
    responder.takeWire(this.id, this.link, rest, wire);
  }

  #arm(timer: 'hello' | 'idle', ms: number): void {
    this.#cancel(timer);
    this.#timers.set(
      timer,
      this.world.clock.after(ms, () => this.send({ type: 'timer', timer }, TIME_OUTS[timer])),
    );
  }

  #cancel(timer: string): void {
    this.#timers.get(timer)?.cancel();
    this.#timers.delete(timer);
  }

  /** Our end goes out behind the last answer; what the client still sends is read and dropped. */
  #hangUp(): void {
    if (this.#handedOn) return;
    this.#handedOn = true;
    halfClose(this.link, this.world.clock, LINGER_MS);
  }

  #lost(why: string): void {
    this.#handedOn = true;
    this.send({ type: 'lost', why });
  }

  #settle(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#stopWatching();
    this.#questions.endPing();
    this.hooks.closed(this);
  }
}

/** How long a connection is read on after our end, so that a reset does not swallow the last answer. */
const LINGER_MS = 3_000;
const EARLY_BYTES = 'nothing may follow BEGIN before its answer; closing';
const TIME_OUTS = {
  hello: 'no right HELLO came in time; closing',
  idle: 'nothing was asked for too long; closing',
} as const;
