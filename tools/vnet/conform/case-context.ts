/** What a case works with: connections to the server under test, a stand-in for another server, names of its own. */
import { createHash } from 'node:crypto';
import type { Link } from '../../../io/ports.ts';
import { parseAnswerLine, parseGreeting } from '../../../machines/protocol/answers.ts';
import type { Reason } from '../../../machines/protocol/errors.ts';
import { ERROR_CODES } from '../../../machines/protocol/errors.ts';
import { formatHello } from '../../../machines/protocol/format.ts';
import type { Coverage } from './coverage.ts';
import type { Endurance } from './endurance.ts';
import { FakePeer, type Visit } from './fake-peer.ts';
import { demand, Nonconformity, NotApplicable } from './nonconformity.ts';
import { Talk, type WholeAnswer } from './talk.ts';
import type { Control, Target } from './target.ts';

/** The secret that the suite's stand-in for another server is told; it takes any. */
export const PEER_SECRET = 'conformance';
const POLL_MS = 2;
/** Milliseconds: past the longest delay before a dial, a fifth more by chance. */
const LONGEST_REDIAL = 14_000;
const REDIAL_STEP = 100;
const HELLO_SHOWN = 'HELLO (credentials)';

/** What outlives a case: the one session that looks on and tidies up. */
export interface Shared {
  /** Sets this run apart from all others. */
  readonly run: string;
  boss: Talk | undefined;
  readonly endurance: Endurance;
}

export class CaseContext {
  readonly story: { readonly name: string; readonly talk: Talk }[] = [];
  #handlers: string[] = [];
  #standIns: FakePeer[] = [];
  #names = 0;
  #dirty = false;

  /** @param name of the case; addresses are made from it and the seed, so that they are always the same */
  constructor(
    readonly target: Target,
    readonly coverage: Coverage,
    private readonly shared: Shared,
    private readonly name: string,
    readonly seed: number,
  ) {}

  /** A bench for a part of the case, with names and connections of its own, to be tidied by itself. */
  within(name: string, target = this.target): CaseContext {
    return new CaseContext(target, this.coverage, this.shared, `${this.name}/${name}`, this.seed);
  }

  /** Power over the server. Afterwards it is no longer as it was, and is made anew for the next case. */
  get control(): Control {
    const { control } = this.target;
    if (control === undefined) throw new NotApplicable('needs a server in this process');
    this.#dirty = true;
    return control;
  }

  // ── Names of its own ──

  /** A unicast MAC address, locally administered, that no other case uses. */
  mac(): string {
    const digits = this.#draw().slice(0, 10);
    return `02:${digits.match(/../g)?.join(':')}`;
  }

  /** The id of a Handler, to be closed at the end. A server remembers those it CLOSEd: no run uses one again. */
  handlerId(): string {
    const id = this.#draw(this.shared.run).slice(0, 32);
    this.#handlers.push(id);
    return id;
  }

  /** This Handler is closed when the case is over. */
  closeLater(id: string): void {
    this.#handlers.push(id);
  }

  #draw(run = ''): string {
    return createHash('sha256')
      .update(`${run}${this.seed}/${this.name}/${this.#names++}`)
      .digest('hex');
  }

  // ── Time and life ──

  /** Milliseconds on the clock that the server goes by, as far as it is known. */
  now(): number {
    return this.target.control?.now() ?? performance.now();
  }

  /** Lets milliseconds pass on the clock that the server goes by. */
  async pass(milliseconds: number): Promise<void> {
    const { control } = this.target;
    if (control === undefined) await pause(milliseconds);
    else await control.advance(milliseconds);
  }

  /** The server dies and starts again. */
  async restart(resume: boolean): Promise<void> {
    this.shared.boss?.cut();
    this.shared.boss = undefined;
    await this.control.restart(resume);
  }

  // ── Connections ──

  /** A connection, not yet greeted. */
  async dial(name = 'client'): Promise<Talk> {
    const talk = new Talk(await this.target.dial(), this.shared.endurance, name);
    this.story.push({ name, talk });
    return talk;
  }

  /** A connection that was greeted. */
  async greeted(name = 'client'): Promise<Talk> {
    const talk = await this.dial(name);
    const line = await talk.line('the greeting');
    const greeting = parseGreeting(line);
    if (!greeting.ok) throw new Nonconformity('the greeting of section 2', JSON.stringify(line));
    return talk;
  }

  /** A session that said HELLO. */
  async login(name = 'client'): Promise<Talk> {
    const talk = await this.greeted(name);
    await this.hello(talk);
    return talk;
  }

  /** A session of another identity. @throws NotApplicable where the suite knows of none */
  async loginOther(name = 'of another identity'): Promise<Talk> {
    const { secondLogin } = this.target;
    if (secondLogin === undefined)
      throw new NotApplicable('needs a second identity: --second-identity, --second-password-file');
    const talk = await this.greeted(name);
    this.good(await talk.ask(formatHello(secondLogin), 'HELLO (of another identity)'), 'OK to HELLO');
    return talk;
  }

  /** Says a right HELLO. */
  async hello(talk: Talk): Promise<WholeAnswer> {
    const answer = await talk.ask(this.helloLine(), HELLO_SHOWN);
    demand(answer.parsed.kind === 'ok', 'OK to a right HELLO', answer.last);
    return answer;
  }

  helloLine(): string {
    return formatHello(this.target.login);
  }

  /** The session that looks on. It is shared by all cases. */
  async boss(): Promise<Talk> {
    const { shared } = this;
    if (shared.boss === undefined || shared.boss.ended !== 'open') {
      shared.boss = await this.login('onlooker');
      shared.boss.forget();
    }
    return shared.boss;
  }

  /** Asks by the onlooker. */
  async ask(line: string): Promise<WholeAnswer> {
    return (await this.boss()).ask(line);
  }

  /** A stand-in for the other server, where the server under test can dial it. */
  async standIn(): Promise<FakePeer> {
    const standIn = await FakePeer.listen(this.target, this.shared.endurance, (talk) =>
      this.story.push({ name: 'stand-in', talk }),
    );
    this.#standIns.push(standIn);
    return standIn;
  }

  /** The server's next dial behind a wire that broke: it waits before, on a clock that may be ours. */
  async redialled(standIn: FakePeer): Promise<Visit> {
    const until = this.now() + LONGEST_REDIAL;
    while (standIn.waiting === 0 && this.now() < until) await this.pass(REDIAL_STEP);
    return standIn.visit();
  }

  /** A connection of the suite's own making that is dropped at the end. */
  adopt(link: Link, name: string): Talk {
    const talk = new Talk(link, this.shared.endurance, name);
    this.story.push({ name, talk });
    return talk;
  }

  // ── What the server says of its Handlers ──

  /** The fields of a Handler's line in HANDLERS?; undefined when it is not listed. With `side` where it stands at both. */
  async handler(id: string, side?: string): Promise<Readonly<Record<string, string>> | undefined> {
    const { data } = await this.ask('HANDLERS?');
    for (const line of data) {
      const answer = parseAnswerLine(line);
      if (answer.kind !== 'data' || answer.words[0] !== id) continue;
      if (side === undefined || answer.fields.side === side) return answer.fields;
    }
    return undefined;
  }

  /** Waits until a Handler is in that state, or `closed`: not listed any more. */
  async handlerIs(id: string, state: string, side?: string): Promise<void> {
    let seen = '';
    await this.until(`Handler in state ${state}`, async () => {
      seen = (await this.handler(id, side))?.state ?? 'closed';
      return seen === state;
    }).catch((error) => {
      throw error instanceof Nonconformity
        ? new Nonconformity(`HANDLERS? to show the Handler ${state}`, seen)
        : error;
    });
  }

  /** Asks again and again until the answer is yes. @throws Nonconformity when it never is */
  async until(what: string, look: () => Promise<boolean>): Promise<void> {
    const { endurance } = this.shared;
    const deadline = performance.now() + endurance.for(what);
    while (!(await look())) {
      if (performance.now() > deadline) throw endurance.expired(what, 'something else, and it stays so');
      await pause(POLL_MS);
    }
  }

  // ── Checks ──

  /** Demands `ERR <code> <reason>`, and notes that the reason was seen. */
  refused(answer: WholeAnswer, reason: Reason): void {
    const wanted = `ERR ${ERROR_CODES[reason]} ${reason}`;
    const seen = answer.last.split(' ').slice(0, 3).join(' ');
    if (seen !== wanted || answer.data.length > 0) throw new Nonconformity(wanted, answerText(answer));
    this.coverage.reason(reason);
  }

  /** Demands OK. */
  good(answer: WholeAnswer, what = 'OK'): void {
    if (answer.parsed.kind !== 'ok') throw new Nonconformity(what, answerText(answer));
  }

  // ── The end ──

  /** Drops all connections and closes all Handlers of the case. */
  async tidy(): Promise<void> {
    const { boss } = this.shared;
    for (const { talk } of this.story) if (talk !== boss) talk.cut();
    await Promise.all(this.#standIns.map((standIn) => standIn.close()));
    if (this.#dirty) {
      boss?.cut();
      this.shared.boss = undefined;
      await this.target.control?.renew();
      return;
    }
    for (const id of this.#handlers) await this.ask(`CLOSE ${id}`);
  }
}

export function answerText({ data, last }: WholeAnswer): string {
  return [...data.slice(0, 3), data.length > 3 ? '…' : '', last].filter(Boolean).join(' ⏎ ');
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
