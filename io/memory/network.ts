import { formatHostPort, isLoopbackAddress, type LinkUrl, parseLinkUrl } from '../net/address.ts';
import { isPinOf } from '../net/certificate-facts.ts';
import {
  type Chance,
  type Clock,
  DialError,
  type DialOptions,
  type Link,
  type Listener,
  type Network,
  type PeerCertificate,
} from '../ports.ts';
import { SeededChance } from './chance.ts';
import type { LineConditions } from './line.ts';
import { type LinkFacts, MemoryLink } from './link.ts';
import { Wire } from './wire.ts';

const FIRST_FREE_PORT = 40_000;

export interface HostOptions {
  /** Names by which it can be dialled, beside its address. */
  readonly names?: readonly string[];
  /** What it shows on `tls:`, as server and as client. */
  readonly certificate?: PeerCertificate;
}

/** One connection that was made, for faults. */
export interface Connection {
  readonly from: MemoryHost;
  readonly to: MemoryHost;
  readonly url: string;
  /** The dialling end is side `a`. */
  readonly wire: Wire;
  readonly dialled: MemoryLink;
  readonly accepted: MemoryLink;
}

/** The hosts that can reach each other, all connections between them, and the faults on the way. */
export class MemoryInternet {
  readonly #hosts = new Map<string, MemoryHost>();
  readonly #cuts: { readonly one: MemoryHost; readonly other: MemoryHost }[] = [];
  /** All connections ever made. */
  readonly connections: Connection[] = [];
  /** The way between any two machines, both ways, for connections that are made from now on; each has it for itself. */
  line: LineConditions = {};
  /** Read sizes of links that are made from now on (see `MemoryLink.readSize`). */
  readSize: (() => number) | undefined;

  /** @param chance decides what lines lose */
  constructor(
    readonly clock: Clock,
    readonly chance: Chance = new SeededChance(1),
  ) {}

  /** Milliseconds one way: the delay of `line`. */
  get latency(): number {
    return this.line.delay ?? 0;
  }

  set latency(delay: number) {
    this.line = { ...this.line, delay };
  }

  /** A packet of a dial is lost on the way there or back. */
  losesDial(): boolean {
    const { loss = 0 } = this.line;
    return loss > 0 && this.chance.fraction() >= (1 - loss) ** 2;
  }

  /** Adds a host. @throws Error when the address or a name is taken */
  host(address: string, options: HostOptions = {}): MemoryHost {
    const host = new MemoryHost(this, address, options);
    for (const name of [address, ...(options.names ?? [])]) {
      if (this.#hosts.has(name)) throw new Error(`there is a host ${name} already`);
      this.#hosts.set(name, host);
    }
    return host;
  }

  find(name: string): MemoryHost | undefined {
    return this.#hosts.get(name);
  }

  /** No packet crosses between the two any more, on any connection, and no dial gets an answer. */
  cut(one: MemoryHost, other: MemoryHost): void {
    this.#cuts.push({ one, other });
    for (const { wire } of this.between(one, other)) wire.cut();
  }

  heal(one: MemoryHost, other: MemoryHost): void {
    const left = this.#cuts.filter((cut) => !joins(cut, one, other));
    this.#cuts.splice(0, this.#cuts.length, ...left);
    for (const { wire } of this.between(one, other)) wire.heal();
  }

  isCut(one: MemoryHost, other: MemoryHost): boolean {
    return this.#cuts.some((cut) => joins(cut, one, other));
  }

  /** Connections between the two, oldest first, those that ended included. */
  between(one: MemoryHost, other: MemoryHost): Connection[] {
    return this.connections.filter(({ from, to }) => joins({ one: from, other: to }, one, other));
  }
}

function joins(pair: { one: MemoryHost; other: MemoryHost }, one: MemoryHost, other: MemoryHost): boolean {
  return (pair.one === one && pair.other === other) || (pair.one === other && pair.other === one);
}

interface Socket {
  readonly url: LinkUrl;
  readonly accept: (link: Link) => void;
}

/** The network as one host has it. */
export class MemoryHost implements Network {
  readonly #listeners = new Map<string, Socket>();
  #nextPort = FIRST_FREE_PORT;
  /** Dials to this host are refused, as when no server runs. */
  refuses = false;
  /** Dials to this host get no answer at all, as behind a firewall. */
  silent = false;

  constructor(
    private readonly internet: MemoryInternet,
    readonly address: string,
    private readonly options: HostOptions,
  ) {}

  get certificate(): PeerCertificate | undefined {
    return this.options.certificate;
  }

  async listen(text: string, accept: (link: Link) => void): Promise<Listener> {
    const asked = parseLinkUrl(text);
    const url = asked.scheme !== 'unix' && asked.port === 0 ? { ...asked, port: this.#nextPort++ } : asked;
    const key = listenerKey(url);
    if (this.#listeners.has(key)) throw new Error(`cannot listen on ${text}: the address is in use`);
    if (url.scheme === 'tls' && this.certificate === undefined) {
      throw new Error(`cannot listen on ${text}: this host has no certificate`);
    }
    const socket = { url, accept };
    this.#listeners.set(key, socket);
    return {
      url: formatUrl(url),
      close: async () => {
        if (this.#listeners.get(key) === socket) this.#listeners.delete(key);
      },
    };
  }

  dial(text: string, options: DialOptions): Promise<MemoryLink> {
    return new Promise((resolve, reject) => {
      const url = dialUrl(text);
      const { signal } = options;
      if (signal.aborted) throw givenUp(text, signal);
      const onAbort = () => {
        answer.cancel();
        reject(givenUp(text, signal));
      };
      signal.addEventListener('abort', onAbort);
      const tryAgain = () => {
        const to = this.#target(url);
        if (to !== undefined && (to.silent || this.internet.isCut(this, to) || this.internet.losesDial())) {
          answer = this.internet.clock.after(1000, tryAgain); // TCP sends its SYN again and again
          return;
        }
        signal.removeEventListener('abort', onAbort);
        try {
          resolve(this.#connect(text, url, to, options));
        } catch (error) {
          reject(error);
        }
      };
      let answer = this.internet.clock.after(2 * this.internet.latency, tryAgain);
    });
  }

  /** The machine is switched off: its links end without a word, nobody listens any more. */
  crash(): void {
    this.#listeners.clear();
    for (const { from, to, dialled, accepted } of this.internet.connections) {
      if (from === this) dialled.vanish();
      if (to === this) accepted.vanish();
    }
  }

  /** Who is to be asked for what was dialled to `to`. */
  listening(url: LinkUrl, loopback: boolean): Socket | undefined {
    if (url.scheme === 'unix') return this.#listeners.get(listenerKey(url));
    const own = loopback ? ['127.0.0.1', '::1', 'localhost', url.host] : [this.address, url.host];
    const hosts = [...own, '0.0.0.0', '::', ...(this.options.names ?? [])];
    for (const host of hosts) {
      const socket = this.#listeners.get(`${host}/${url.port}`);
      if (socket !== undefined) return socket;
    }
    return undefined;
  }

  isListening(socket: Socket): boolean {
    return this.#listeners.get(listenerKey(socket.url)) === socket;
  }

  #target(url: LinkUrl): MemoryHost | undefined {
    return isOwn(url) ? this : this.internet.find(url.scheme === 'unix' ? '' : url.host);
  }

  #connect(text: string, url: LinkUrl, to: MemoryHost | undefined, options: DialOptions): MemoryLink {
    const unreachable = (why: string) => new DialError('remote-unreachable', `cannot reach ${text}: ${why}`);
    if (to === undefined) throw unreachable('no way to that host (EHOSTUNREACH)');
    const loopback = isOwn(url);
    const socket = to.refuses ? undefined : to.listening(url, loopback);
    if (socket === undefined) throw unreachable('connection refused (ECONNREFUSED)');
    if (socket.url.scheme !== url.scheme) {
      throw url.scheme === 'tls'
        ? new DialError('remote-untrusted', `${text} does not speak TLS 1.3 with us`)
        : unreachable(`it speaks ${socket.url.scheme}`);
    }
    if (url.scheme === 'tls') trust(text, url, to.certificate, options);
    return this.#join(text, url, to, socket, loopback, options);
  }

  #join(
    text: string,
    url: LinkUrl,
    to: MemoryHost,
    socket: Socket,
    loopback: boolean,
    options: DialOptions,
  ): MemoryLink {
    const { clock, chance, line, readSize } = this.internet;
    const wire = new Wire(clock, chance);
    wire.set(line);
    const facts = (address: string, port: number, certificate?: PeerCertificate): LinkFacts => ({
      scheme: url.scheme,
      peer: url.scheme === 'unix' ? 'unix' : formatHostPort(address, port),
      address: url.scheme === 'unix' ? 'unix' : address,
      loopback,
      ...(url.scheme === 'tls' && certificate !== undefined ? { certificate } : {}),
    });
    const [near, far] = loopback ? ['127.0.0.1', '127.0.0.1'] : [this.address, to.address];
    const port = url.scheme === 'unix' ? 0 : url.port;
    const shown = options.clientCertificate ? this.certificate : undefined;
    const dialled = new MemoryLink(clock, wire, 'a', facts(far, port, to.certificate));
    const accepted = new MemoryLink(clock, wire, 'b', facts(near, this.#nextPort++, shown));
    if (readSize !== undefined) dialled.readSize = accepted.readSize = readSize;
    this.internet.connections.push({ from: this, to, url: text, wire, dialled, accepted });
    clock.after(0, () => {
      if (to.isListening(socket)) socket.accept(accepted);
      else accepted.destroy();
    });
    return dialled;
  }
}

function isOwn(url: LinkUrl): boolean {
  return url.scheme === 'unix' || url.host === 'localhost' || isLoopbackAddress(url.host);
}

function listenerKey(url: LinkUrl): string {
  return url.scheme === 'unix' ? url.path : `${url.host}/${url.port}`;
}

function formatUrl(url: LinkUrl): string {
  return url.scheme === 'unix'
    ? `unix://${url.path}`
    : `${url.scheme}://${formatHostPort(url.host, url.port)}`;
}

function dialUrl(text: string): LinkUrl {
  try {
    return parseLinkUrl(text);
  } catch (error) {
    throw new DialError('remote-unreachable', (error as Error).message);
  }
}

/** @throws DialError unless this certificate may stand for that server */
function trust(text: string, url: LinkUrl, shown: PeerCertificate | undefined, options: DialOptions): void {
  const host = url.scheme === 'unix' ? '' : url.host;
  const pin = options.pin ?? (url.scheme === 'tls' ? url.pin : undefined);
  const good =
    pin !== undefined
      ? shown !== undefined && isPinOf(pin.toLowerCase(), shown)
      : shown !== undefined &&
        (options.acceptFingerprints?.some((one) => isPinOf(one, shown)) === true ||
          (shown.authorized && shown.commonName === host));
  if (!good)
    throw new DialError('remote-untrusted', `the certificate of ${text} is not the one it should have`);
}

function givenUp(text: string, signal: AbortSignal): DialError {
  const timeout = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
  return timeout
    ? new DialError('remote-timeout', `${text} did not answer in time`)
    : new DialError('remote-unreachable', `dialling ${text} was given up`);
}
