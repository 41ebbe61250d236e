/**
 * One try of an initiator to reach the other server: dial, greeting, HELLO, BEGIN. Each step waits for the Handler's
 * word, and each outcome goes to it as an event; `text` beside it is for people and never goes on record.
 */
import type { DialError, Link } from '../../io/ports.ts';
import type { InitiatorEvent } from '../../machines/handler/events.ts';
import type { InitiatorContext } from '../../machines/handler/initiator.ts';
import { isReason, type Reason } from '../../machines/protocol/errors.ts';
import {
  type Answer,
  formatBegin,
  formatHello,
  formatJoin,
  parseAnswerLine,
  parseBeginOk,
  parseGreeting,
  parseJoinOk,
  swapEnds,
} from '../../machines/protocol/format.ts';
import type { Peer } from '../world.ts';
import { type Received, TextClient } from './text-client.ts';
import type { HandlerWorld } from './world.ts';

/** What a try comes to: what the machine hears, and that JOIN was taken. */
export type DialEvent = InitiatorEvent | { readonly type: 'join-taken' };

type Report = (event: DialEvent, text?: string) => void;

type Hello = NonNullable<Peer['auth']>;

/** Where a Handler's remote is, and how to say HELLO there. */
interface Target {
  readonly url: string;
  readonly pin?: string;
  /** Name of the peer entry, which may have a certificate of its own. */
  readonly peer?: string;
  readonly hello: Hello;
}

/** A connection that is a wire now. */
export interface DialledWire {
  readonly link: Link;
  /** Bytes that stood behind the text phase. */
  readonly rest: Uint8Array;
  /** Whether the other server takes NOTEs. */
  readonly notes: boolean;
}

export class Dialler {
  readonly #abort = new AbortController();
  #talk: TextClient | undefined;
  #disown: () => void = () => undefined;
  /** Gives our turn to another dial to the same server. */
  #leave: () => void = () => undefined;
  /** What the other server's greeting said that it can do. */
  #features: readonly string[] = [];

  constructor(
    private readonly world: HandlerWorld,
    private readonly handler: InitiatorContext,
    private readonly report: Report,
  ) {}

  /** Dials when it is our turn. */
  dial(): void {
    const target = this.#target();
    if (typeof target === 'string') return this.#fail('no-such-peer', target);
    this.#leave = this.world.dials.enter(target.url, () => this.#dial(target), !this.handler.everBinary);
  }

  #dial(target: Target): void {
    const options = {
      signal: this.#abort.signal,
      clientCertificate: target.hello.method === 'cert',
      ...(target.peer === undefined ? {} : { certificateOf: target.peer }),
      ...(target.pin === undefined ? {} : { pin: target.pin }),
    };
    this.world.network.dial(target.url, options).then(
      (link) => this.#greeted(link),
      (error: unknown) => {
        const { name, message } = error as Error;
        const known = name === 'DialError' ? (error as DialError).kind : 'remote-unreachable';
        this.#fail(known, message);
      },
    );
  }

  sayHello(): void {
    const target = this.#target();
    const talk = this.#talk;
    if (talk === undefined) return;
    if (typeof target === 'string') return this.#fail('no-such-peer', target);
    const { hello } = target;
    if (hello.method === 'password' && !this.#mayTell(talk.link)) {
      return this.#fail(
        'tls-required',
        `a password is not sent on plain tcp:// to ${talk.link.peer}; use tls://, or start with --allow-plaintext`,
      );
    }
    talk.say(formatHello(hello));
    this.#expect((answer, line) =>
      answer.kind === 'ok' ? this.#helloTaken() : this.#refused(answer, line, false),
    );
  }

  #helloTaken(): void {
    this.#leave();
    this.report({ type: 'hello-taken' });
  }

  /** @param wires how many to ask for; left out of BEGIN when the other server knows of one only */
  sayBegin(mtu: number, wires?: number): void {
    const talk = this.#talk;
    if (talk === undefined) return;
    const { id } = this.handler;
    const { wires: _, ...plain } = this.handler.options;
    const several = wires !== undefined && this.#features.includes('wires');
    const options = several ? { ...plain, wires } : plain;
    talk.say(formatBegin({ handler: id, mtu, options, ...swapEnds(this.handler) }));
    this.report({ type: 'begin-sent' });
    this.#expect((answer, line) => {
      if (answer.kind !== 'ok') return this.#refused(answer, line, true);
      const begun = parseBeginOk(line);
      if (!begun.ok) return this.#fail('remote-protocol', `its answer to BEGIN: ${begun.refusal.text}`);
      if (begun.value.handler !== id)
        return this.#fail('remote-protocol', 'it answered BEGIN for another Handler');
      const { offload, mtu: farMtu, wires: granted } = begun.value;
      if (granted !== undefined && granted > (several ? wires : 0)) {
        return this.#fail('remote-protocol', `it granted ${granted} wires, which is more than was asked for`);
      }
      this.report({
        type: 'begin-taken',
        offload,
        mtu: farMtu,
        ...(granted === undefined ? {} : { wires: granted }),
      });
    });
  }

  sayJoin(wire: number): void {
    const talk = this.#talk;
    if (talk === undefined) return;
    const join = { handler: this.handler.id, wire };
    talk.say(formatJoin(join));
    this.#expect((answer, line) => {
      if (answer.kind !== 'ok') return this.#refused(answer, line, false);
      if (parseJoinOk(line, join)) return this.report({ type: 'join-taken' });
      this.#fail(
        'remote-protocol',
        'its answer to JOIN is not OK handler=<id> wire=<n> with our id and number',
      );
    });
  }

  /** Whether the other server takes NOTEs, as its greeting said. */
  get notes(): boolean {
    return this.#features.includes('notes');
  }

  /** Hands the connection on. What stood behind BEGIN's answer is binary. */
  release(): DialledWire | undefined {
    const talk = this.#talk;
    this.#talk = undefined;
    this.#disown();
    if (talk === undefined) return undefined;
    return { link: talk.link, rest: talk.release(), notes: this.notes };
  }

  abort(): void {
    this.#abort.abort();
    this.#talk?.abort();
    this.#disown();
    this.#talk = undefined;
    this.#leave();
  }

  #greeted(link: Link): void {
    if (this.#abort.signal.aborted) {
      link.destroy();
      return;
    }
    // Also what is said before it carries frames does not cross.
    const over = this.world.ownWires.add(link);
    this.#disown = () => {
      this.#disown = () => undefined;
      over();
    };
    this.#talk = new TextClient(link);
    this.#hear((line) => {
      const greeting = parseGreeting(line);
      if (greeting.ok) {
        this.#features = greeting.value.features;
        return this.report({ type: 'dialled', peer: link.peer });
      }
      const answer = parseAnswerLine(line);
      if (answer.kind === 'err') return this.#refused(answer, line, false);
      this.#fail(
        'remote-protocol',
        `${link.peer} does not greet like a VNET server: ${greeting.refusal.text}`,
      );
    });
  }

  #target(): Target | string {
    const { remote } = this.handler;
    if (remote.kind === 'url') {
      const hello = this.#hello(undefined);
      if (typeof hello === 'string') return hello;
      return { url: remote.url, hello, ...(remote.pin === undefined ? {} : { pin: remote.pin }) };
    }
    const peer = this.world.configuration.peer(remote.name);
    if (peer === undefined) return `there is no peer ${remote.name} in the --peers file`;
    const hello = this.#hello(peer);
    if (typeof hello === 'string') return hello;
    const { name, url, pin } = peer;
    return { url, hello, peer: name, ...(pin === undefined ? {} : { pin }) };
  }

  #hello(peer: Peer | undefined): Hello | string {
    const { auth } = this.handler;
    if (auth.kind === 'cert') return { method: 'cert' };
    if (auth.kind === 'peer-entry') {
      return (
        peer?.auth ?? 'this peer entry has neither password nor certificate: the auth argument - needs one'
      );
    }
    const secret = this.world.secrets.get(auth.secret);
    if (secret === undefined)
      return 'the secret of this Handler is not known any more; CLOSE it and HANDLE again';
    return { method: 'password', identity: auth.identity, secret };
  }

  #mayTell(link: Link): boolean {
    return link.scheme !== 'tcp' || link.loopback || this.world.configuration.allowPlaintext;
  }

  #expect(then: (answer: Answer, line: string) => void): void {
    this.#hear((line) => {
      const answer = parseAnswerLine(line);
      // Data lines before the last one are nothing that HELLO or BEGIN answer with.
      if (answer.kind === 'data') return this.#fail('remote-protocol', 'it answered with a data line');
      then(answer, line);
    });
  }

  #hear(then: (line: string) => void): void {
    this.#talk?.listen((heard: Received) => {
      if (heard.kind === 'line') return then(heard.line);
      if (heard.kind === 'garbage') return this.#fail('remote-protocol', `it sent ${heard.why}`);
      this.#fail('remote-unreachable', heard.why);
    });
  }

  /** The other server's ERR line: 410 to BEGIN ends the Handler. Only words of ours go on record: it may echo a secret. */
  #refused(answer: Answer, line: string, begin: boolean): void {
    if (answer.kind !== 'err' || answer.malformed) {
      return this.#fail('remote-protocol', 'its answer is neither OK nor ERR');
    }
    this.#fail('remote-refused', line, {
      remote: `${answer.code} ${isReason(answer.reason) ? answer.reason : 'unknown-reason'}`,
      final: begin && answer.code === 410,
    });
  }

  #fail(reason: Reason, text: string, more: { remote?: string; final: boolean } = { final: false }): void {
    this.#disown();
    this.#leave();
    const jitter = this.world.chance.fraction();
    this.report({ type: 'dial-failed', reason, jitter, ...more }, text);
  }
}
