/** Stands between a server and its sockets, and changes what goes through: the way to most wrong servers. */
import type { Link, LinkSink, Network, PeerCertificate } from '../../../io/ports.ts';
import type { Fault } from '../in-process.ts';

/** What is known of one connection. */
export interface Side {
  /** The server dialled it; otherwise it was accepted. */
  readonly dialled: boolean;
  binary: boolean;
  /** The last whole line that came, and that went out. */
  heard: string;
  said: string;
  /** Whatever a mutant wants to remember. */
  note: number;
  /** Lines or records that are held back. */
  readonly held: Buffer[];
  /** Puts bytes in, as if the other end had sent them. */
  inject(bytes: Buffer): void;
}

/** Undefined: let it through as it is. */
export interface Mangler {
  /** Bytes on their way in. */
  in?(chunk: Buffer, side: Side): Buffer | undefined;
  /** One line on its way out. Several lines may come of it, or none. */
  line?(line: string, side: Side): readonly string[] | undefined;
  /** A line on its way out, as bytes. */
  lineBytes?(line: string, side: Side): Buffer | undefined;
  /** One record on its way out. */
  record?(record: Buffer, side: Side): readonly Buffer[] | undefined;
  /** The other end has ended its direction. @returns false to keep it from the server */
  ended?(side: Side): boolean;
  /** The server wants to end its direction, or to drop the connection. @returns false to keep it open */
  ending?(side: Side): boolean;
}

export function mangled(mangler: Mangler): Fault {
  return { network: (network) => mangledNetwork(network, mangler) };
}

function mangledNetwork(network: Network, mangler: Mangler): Network {
  return {
    listen: (url, accept) => network.listen(url, (link) => accept(new MangledLink(link, mangler, false))),
    dial: async (url, options) => new MangledLink(await network.dial(url, options), mangler, true),
  };
}

class MangledLink implements Link {
  readonly scheme: Link['scheme'];
  readonly peer: string;
  readonly address: string;
  readonly loopback: boolean;
  readonly certificate?: PeerCertificate;
  readonly #side: Side;
  #sink: LinkSink | undefined;

  constructor(
    private readonly link: Link,
    private readonly mangler: Mangler,
    dialled: boolean,
  ) {
    this.scheme = link.scheme;
    this.peer = link.peer;
    this.address = link.address;
    this.loopback = link.loopback;
    if (link.certificate !== undefined) this.certificate = link.certificate;
    this.#side = {
      dialled,
      binary: false,
      heard: '',
      said: '',
      note: 0,
      held: [],
      inject: (bytes) => this.#sink?.data(bytes),
    };
  }

  get unsent(): number {
    return this.link.unsent;
  }

  attach(sink: LinkSink): void {
    this.#sink = sink;
    this.link.attach({
      data: (chunk) => this.#in(Buffer.from(chunk), sink),
      drain: () => sink.drain(),
      end: () => {
        if (this.mangler.ended?.(this.#side) ?? true) sink.end();
      },
      closed: (error) => sink.closed(error),
    });
  }

  write(chunk: Uint8Array, done?: () => void): boolean {
    const pieces = this.#out(Buffer.from(chunk));
    if (pieces.length > 0) return this.link.writeAll(pieces, done);
    if (done !== undefined) process.nextTick(done);
    return true;
  }

  writeAll(chunks: readonly Uint8Array[], done?: () => void): boolean {
    return this.write(Buffer.concat(chunks), done);
  }

  pause(): void {
    this.link.pause();
  }

  resume(): void {
    this.link.resume();
  }

  end(): void {
    if (this.mangler.ending?.(this.#side) ?? true) this.link.end();
  }

  destroy(): void {
    if (this.mangler.ending?.(this.#side) ?? true) this.link.destroy();
  }

  #in(chunk: Buffer, sink: LinkSink): void {
    const side = this.#side;
    const through = this.mangler.in?.(chunk, side) ?? chunk;
    if (!side.binary) {
      const line = chunk.toString('latin1').split('\n')[0] ?? '';
      side.heard = line;
      if (side.dialled && line.startsWith('OK handler=')) side.binary = true;
    }
    if (through.length > 0) sink.data(through);
  }

  #out(bytes: Buffer): readonly Buffer[] {
    const side = this.#side;
    if (side.binary) {
      return recordsOf(bytes).flatMap((record) => this.mangler.record?.(record, side) ?? [record]);
    }
    const line = bytes.toString('utf8').slice(0, -1);
    side.said = line;
    if (!side.dialled && /^OK handler=.* (mtu|wire)=/.test(line)) side.binary = true;
    const whole = this.mangler.lineBytes?.(line, side);
    if (whole !== undefined) return [whole];
    return (this.mangler.line?.(line, side) ?? [line]).map((each) => Buffer.from(`${each}\n`));
  }
}

function recordsOf(bytes: Buffer): readonly Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = at + 4 + bytes.readUIntBE(at + 1, 3);
    records.push(bytes.subarray(at, next));
    at = next;
  }
  return records;
}
