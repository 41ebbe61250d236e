/**
 * Some TCP connections, and which Ethernet frames are theirs: also fragments of them, in VLANs, in PPPoE, and inside of
 * tunnels that hide nothing (IP in IP, GRE, VXLAN, GENEVE), so far as two of them lie in each other. It is asked for
 * every frame that would cross, so that all others are told apart by their port.
 */
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, etherTypeOffset } from './ethernet.ts';
import { IpLayout, locateAt, TCP, UDP } from './parse-ip.ts';

/** One TCP connection; addresses as bytes in network order, 4 or 16 of them. */
export interface Connection {
  readonly localAddress: Uint8Array;
  readonly localPort: number;
  readonly remoteAddress: Uint8Array;
  readonly remotePort: number;
}

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_PPPOE = 0x8864;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;
/** Transparent Ethernet bridging, in GRE and GENEVE. */
const ETHERTYPE_BRIDGED = 0x6558;

const IPV4_IN_IP = 4;
const IPV6_IN_IP = 41;
const GRE = 47;

const VXLAN_PORT = 4789;
/** Linux's own, when nobody says otherwise. */
const LINUX_VXLAN_PORT = 8472;
const GENEVE_PORT = 6081;

const MOST_TUNNELS = 2;

export class ConnectionTable {
  /** How many of them have this local port. */
  readonly #ports = new Uint32Array(65_536);
  /** How often each was added: by addresses and ports as they stand in a header, one way and the other. */
  readonly #ends = new Map<string, number>();
  /** The same of their addresses alone. */
  readonly #pairs = new Map<string, number>();
  readonly #layout = new IpLayout();
  #count = 0;

  add(connection: Connection): void {
    this.#change(connection, 1);
  }

  /** Takes away what was added, once for each time. */
  delete(connection: Connection): void {
    this.#change(connection, -1);
  }

  /** Whether the frame in `[frame, end)`, at least 14 bytes, is part of one of them. */
  has(buffer: Buffer, frame: number, end: number): boolean {
    return this.#count > 0 && this.#mayBe(buffer, frame, end) && this.#frame(buffer, frame, end, 0);
  }

  /** A quick look, which knows most frames that are none: of no IP, or without options before TCP or UDP. */
  #mayBe(buffer: Buffer, frame: number, end: number): boolean {
    const type = (buffer[frame + 12]! << 8) | buffer[frame + 13]!;
    if (type === ETHERTYPE_IPV4) {
      if (end - frame < 38 || buffer[frame + 14] !== 0x45) return true;
      const fragment = (buffer[frame + 20]! & 0x3f) !== 0 || buffer[frame + 21] !== 0;
      return fragment || this.#mayBeOf(buffer, buffer[frame + 23]!, frame + 34);
    }
    if (type !== ETHERTYPE_IPV6) return type !== ETHERTYPE_ARP;
    return end - frame < 58 || this.#mayBeOf(buffer, buffer[frame + 20]!, frame + 54);
  }

  #mayBeOf(buffer: Buffer, protocol: number, l4: number): boolean {
    if (protocol === TCP) return this.#portOf(buffer, l4);
    return protocol !== UDP || isTunnel((buffer[l4 + 2]! << 8) | buffer[l4 + 3]!);
  }

  /** Whether one of the two ports of a TCP header is a local one. */
  #portOf(buffer: Buffer, l4: number): boolean {
    const ports = this.#ports;
    return (
      ports[(buffer[l4]! << 8) | buffer[l4 + 1]!] !== 0 ||
      ports[(buffer[l4 + 2]! << 8) | buffer[l4 + 3]!] !== 0
    );
  }

  #frame(buffer: Buffer, frame: number, end: number, depth: number): boolean {
    const type = etherTypeOffset(buffer, frame, end);
    const etherType = word(buffer, type);
    if (etherType === ETHERTYPE_PPPOE) return this.#pppoe(buffer, type + 2, end, depth);
    return this.#packet(buffer, etherType, type + 2, end, depth);
  }

  #pppoe(buffer: Buffer, at: number, end: number, depth: number): boolean {
    if (end - at < 8) return false;
    const protocol = word(buffer, at + 6);
    const etherType = protocol === PPP_IPV4 ? ETHERTYPE_IPV4 : protocol === PPP_IPV6 ? ETHERTYPE_IPV6 : 0;
    return this.#packet(buffer, etherType, at + 8, end, depth);
  }

  #packet(buffer: Buffer, etherType: number, l3: number, end: number, depth: number): boolean {
    if (etherType !== ETHERTYPE_IPV4 && etherType !== ETHERTYPE_IPV6) return false;
    const layout = this.#layout;
    if (!locateAt(buffer, l3, etherType, end, layout)) return false;
    const { protocol, l4 } = layout;
    if (protocol === TCP) return this.#tcp(buffer, layout);
    if (depth === MOST_TUNNELS || layout.fragment) return false;
    if (protocol === UDP) return this.#udp(buffer, l4, end, depth + 1);
    if (protocol === IPV4_IN_IP) return this.#packet(buffer, ETHERTYPE_IPV4, l4, end, depth + 1);
    if (protocol === IPV6_IN_IP) return this.#packet(buffer, ETHERTYPE_IPV6, l4, end, depth + 1);
    return protocol === GRE && this.#gre(buffer, l4, end, depth + 1);
  }

  #tcp(buffer: Buffer, { version, l3, l4, packetEnd, fragment }: IpLayout): boolean {
    // Only the first of its fragments has the ports, and the others are nothing without it.
    if (fragment) return this.#pairs.has(addresses(buffer, version, l3));
    if (l4 + 4 > packetEnd) return false;
    if (!this.#portOf(buffer, l4)) return false;
    return this.#ends.has(addresses(buffer, version, l3) + buffer.toString('latin1', l4, l4 + 4));
  }

  #udp(buffer: Buffer, l4: number, end: number, depth: number): boolean {
    if (end - l4 < 16) return false;
    const port = word(buffer, l4 + 2);
    const inner = l4 + 16;
    if (!isTunnel(port)) return false;
    if (port !== GENEVE_PORT) return end - inner >= 14 && this.#frame(buffer, inner, end, depth);
    const behind = inner + (buffer[l4 + 8]! & 0x3f) * 4;
    return this.#carried(buffer, word(buffer, l4 + 10), behind, end, depth);
  }

  /** RFC 2784 and 2890: version 0, with or without checksum, key and number. */
  #gre(buffer: Buffer, at: number, end: number, depth: number): boolean {
    if (end - at < 4) return false;
    const flags = word(buffer, at);
    if ((flags & 7) !== 0) return false;
    const options = ((flags >> 15) & 1) + ((flags >> 13) & 1) + ((flags >> 12) & 1);
    return this.#carried(buffer, word(buffer, at + 2), at + 4 + options * 4, end, depth);
  }

  #carried(buffer: Buffer, etherType: number, at: number, end: number, depth: number): boolean {
    if (etherType !== ETHERTYPE_BRIDGED) return this.#packet(buffer, etherType, at, end, depth);
    return end - at >= 14 && this.#frame(buffer, at, end, depth);
  }

  #change({ localAddress, localPort, remoteAddress, remotePort }: Connection, by: 1 | -1): void {
    this.#count += by;
    this.#ports[localPort]! += by;
    const [local, remote] = [text(localAddress), text(remoteAddress)];
    for (const [from, to, ports] of [
      [local, remote, [localPort, remotePort]],
      [remote, local, [remotePort, localPort]],
    ] as const) {
      count(this.#pairs, from + to, by);
      count(this.#ends, from + to + text(ports.flatMap((port) => [port >> 8, port & 0xff])), by);
    }
  }
}

function isTunnel(port: number): boolean {
  return port === VXLAN_PORT || port === LINUX_VXLAN_PORT || port === GENEVE_PORT;
}

function word(buffer: Buffer, at: number): number {
  return (buffer[at]! << 8) | buffer[at + 1]!;
}

function text(bytes: ArrayLike<number>): string {
  return String.fromCharCode(...Array.from(bytes));
}

/** Source and destination address, which stand behind each other in both headers. */
function addresses(buffer: Buffer, version: number, l3: number): string {
  return version === 4
    ? buffer.toString('latin1', l3 + 12, l3 + 20)
    : buffer.toString('latin1', l3 + 8, l3 + 40);
}

function count(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const now = (counts.get(key) ?? 0) + by;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}
