/**
 * IP packets inside of IP packets: where the innermost transport header of a tunnel's frame stands, and how the headers
 * around it are made right when its packet is cut (what the kernel's skb_udp_tunnel_segment, gre_gso_segment and
 * inet_gso_segment do).
 *
 *     | Ethernet | IP | UDP, VXLAN or Geneve, Ethernet | IP | TCP … |
 *     | Ethernet | IP | GRE, perhaps Ethernet          | IP | TCP … |
 *     | Ethernet | IP                                  | IP | TCP … |
 *     | Ethernet | MPLS labels, or PPPoE               | IP | TCP … |
 *                  outer                                 out.l3 out.l4
 *
 * A virtio header says no more than where the innermost transport header is. The way to it is found by the shape of the
 * usual tunnels; what is none of them is taken for so many bytes in front of an IP header that fits that place.
 */
import { finish, finishUdp, pseudoSum, sum } from './checksum.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, etherTypeOffset } from './ethernet.ts';
import { IpLayout, locate, locateAt, UDP } from './parse-ip.ts';

const IPV4_IN_IP = 4;
const IPV6_IN_IP = 41;
const GRE = 47;
const ENCRYPTED = 50;
/** Packets in packets in packets: no more of them around the innermost one. */
const MOST_LAYERS = 4;

const ETHERNET_BRIDGING = 0x6558;
const MPLS = 0x8847;
const MPLS_MULTICAST = 0x8848;
const PPPOE = 0x8864;
/** PPPoE and PPP headers together (RFC 2516, RFC 1661). */
const PPPOE_HEADER_BYTES = 8;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;
/** In the third byte of an MPLS label: it is the last one (RFC 3032). */
const BOTTOM_OF_STACK = 0x01;
const UDP_HEADER_BYTES = 8;
const VXLAN_HEADER_BYTES = 8;
/** In the first byte of a VXLAN header: there is a VNI (RFC 7348, 5). */
const VXLAN_VALID = 0x08;
/** In its second byte: the inner checksum is left for the receiver to make. */
const VXLAN_REMOTE_CHECKSUM = 0x20;
/** In the first byte of a GRE header (RFC 2784, 2890). */
const GRE_CHECKSUM = 0x80;
const GRE_ROUTING = 0x40;
const GRE_KEY = 0x20;
const GRE_SEQUENCE = 0x10;

const IPV4_WORDS = [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] as const;
const MOST_EXTENSION_UNITS = 32;

/** What stands behind the IP header of a layer, and has to be made right with it. */
const NOTHING = 0;
const UDP_LENGTH = 1;
const UDP_CHECKSUM = 2;
const GRE_SUM = 3;

/** An IP header around the innermost one. Offsets from the frame's first byte. */
interface Layer {
  version: number;
  l3: number;
  l4: number;
  /** IPv4 identification of the first segment. */
  identification: number;
  follows: number;
}

/** The IP headers around the innermost one; filled in by `locateTransport`, to be used again and again. */
export class OuterHeaders {
  /** How many there are: 0 where the frame is no tunnel's. */
  count = 0;
  /** Where a PPPoE header stands, from the frame's first byte; -1 where there is none. */
  #pppoe = -1;
  readonly #layers: Layer[] = Array.from({ length: MOST_LAYERS }, () => ({
    version: 0,
    l3: 0,
    l4: 0,
    identification: 0,
    follows: NOTHING,
  }));

  /** Forgets all of them. `link`: offset of an ethertype in `buffer`, of the frame at `frame`. */
  begin(buffer: Buffer, frame: number, link: number): void {
    this.count = 0;
    this.#pppoe = read16(buffer, link) === PPPOE ? link + 2 - frame : -1;
  }

  /** Whether nothing but Ethernet and VLAN tags is around the innermost IP header. */
  get none(): boolean {
    return this.count === 0 && this.#pppoe < 0;
  }

  /** Takes that header in. @returns false when a packet with it around must not or cannot be cut */
  add(buffer: Buffer, frame: number, end: number, layout: IpLayout): boolean {
    const { l3, l4, version, protocol } = layout;
    if (this.count === MOST_LAYERS || layout.fragment || layout.authenticated || layout.jumbo >= 0)
      return false;
    if (l3 + layout.declared !== end) return false;
    const layer = this.#layers[this.count++]!;
    layer.version = version;
    layer.l3 = l3 - frame;
    layer.l4 = l4 - frame;
    layer.identification = version === 4 ? read16(buffer, l3 + 4) : 0;
    layer.follows = NOTHING;
    if (protocol === GRE) layer.follows = (buffer[l4]! & GRE_CHECKSUM) !== 0 ? GRE_SUM : NOTHING;
    if (protocol !== UDP) return true;
    layer.follows = read16(buffer, l4 + 6) === 0 ? UDP_LENGTH : UDP_CHECKSUM;
    if (layer.follows === UDP_CHECKSUM && layout.routed) return false;
    return read16(buffer, l4 + 4) === end - l4;
  }

  /**
   * Makes lengths, identifications and checksums right in the frame at `frame` of `bytes` bytes, segment number
   * `index`, of which the innermost packet is ready.
   */
  finish(target: Buffer, frame: number, bytes: number, index: number): void {
    const end = frame + bytes;
    for (let at = this.count - 1; at >= 0; at--) {
      const { version, l3, l4, identification, follows } = this.#layers[at]!;
      const ip = frame + l3;
      const transport = frame + l4;
      if (follows === GRE_SUM) finishGre(target, transport, end);
      else if (follows !== NOTHING) finishUdpHeader(target, ip, transport, end, version, follows);
      if (version === 4) finishIpv4(target, ip, transport, end, (identification + index) & 0xffff);
      else write16(target, ip + 4, end - ip - 40);
    }
    if (this.#pppoe >= 0) write16(target, frame + this.#pppoe + 4, end - frame - this.#pppoe - 6);
  }
}

function finishIpv4(
  target: Buffer,
  ip: number,
  transport: number,
  end: number,
  identification: number,
): void {
  write16(target, ip + 2, end - ip);
  write16(target, ip + 4, identification);
  write16(target, ip + 10, 0);
  write16(target, ip + 10, finish(sum(target, ip, transport)));
}

/** A checksum of 0 says that there is none, and stays (RFC 6935 for IPv6). */
function finishUdpHeader(
  target: Buffer,
  ip: number,
  transport: number,
  end: number,
  version: number,
  follows: number,
): void {
  const length = end - transport;
  write16(target, transport + 4, length);
  if (follows !== UDP_CHECKSUM) return;
  write16(target, transport + 6, 0);
  const total = pseudoSum(target, ip, version, UDP) + length + sum(target, transport, end);
  write16(target, transport + 6, finishUdp(total));
}

/** Over the GRE header and all that follows it. */
function finishGre(target: Buffer, gre: number, end: number): void {
  write16(target, gre + 4, 0);
  write16(target, gre + 4, finish(sum(target, gre, end)));
}

/**
 * Finds the innermost IP packet of the frame in `[frame, end)`, and the headers around it.
 * @param transport where its transport header stands, in the buffer; -1 where nobody has said: the packet is then taken
 *   for a tunnel's only when it has the shape of one that is known
 * @returns whether there is such a packet, and what is around it could be cut; only then `out` and `outer` are good
 */
export function locateTransport(
  buffer: Buffer,
  frame: number,
  end: number,
  transport: number,
  out: IpLayout,
  outer: OuterHeaders,
): boolean {
  if (end - frame < 14) return false;
  const link = etherTypeOffset(buffer, frame, end);
  outer.begin(buffer, frame, link);
  if (!locate(buffer, frame, end, out)) {
    const there =
      behindType(buffer, link + 2, read16(buffer, link), end, transport) ||
      (transport >= 0 && beforeTransport(buffer, link + 2, end, transport));
    if (!there) return false;
    Object.assign(out, inner);
  }
  while (out.l4 !== transport) {
    if (transport >= 0 && out.l4 > transport) return false;
    if (!findInner(buffer, end, transport, out)) return transport < 0;
    if (!outer.add(buffer, frame, end, out)) return false;
    Object.assign(out, inner);
  }
  return true;
}

const inner = new IpLayout();

/** Finds the IP header behind the one in `out`, and fills `inner` in. */
function findInner(buffer: Buffer, end: number, transport: number, out: IpLayout): boolean {
  const { l4, protocol } = out;
  if (protocol === IPV4_IN_IP) return fits(buffer, l4, ETHERTYPE_IPV4, end, transport);
  if (protocol === IPV6_IN_IP) return fits(buffer, l4, ETHERTYPE_IPV6, end, transport);
  if (protocol === ENCRYPTED) return false;
  if (protocol === GRE && behindGre(buffer, l4, end, transport)) return true;
  if (protocol === UDP && behindUdp(buffer, l4, end, transport)) return true;
  return transport >= 0 && beforeTransport(buffer, l4, end, transport);
}

/** Whether an IP packet stands there that ends with the frame, and begins before the innermost transport header. */
function fits(buffer: Buffer, l3: number, etherType: number, end: number, transport: number): boolean {
  if (transport >= 0 && l3 >= transport) return false;
  if (!locateAt(buffer, l3, etherType, end, inner)) return false;
  if (inner.declared === 0 ? end - l3 <= 0xffff : l3 + inner.declared !== end) return false;
  return inner.version === 6 || finish(sum(buffer, l3, inner.l4)) === 0;
}

function behindEthernet(buffer: Buffer, frame: number, end: number, transport: number): boolean {
  if (end - frame < 14) return false;
  const link = etherTypeOffset(buffer, frame, end);
  const type = read16(buffer, link);
  if (type === MPLS || type === MPLS_MULTICAST) return behindLabels(buffer, link + 2, end, transport);
  return fits(buffer, link + 2, type, end, transport);
}

function behindGre(buffer: Buffer, gre: number, end: number, transport: number): boolean {
  if (end - gre < 4) return false;
  const flags = buffer[gre]!;
  // Version 0 only, and no source routes.
  if ((flags & GRE_ROUTING) !== 0 || (buffer[gre + 1]! & 7) !== 0) return false;
  let at = gre + 4;
  for (const field of [GRE_CHECKSUM, GRE_KEY, GRE_SEQUENCE]) if ((flags & field) !== 0) at += 4;
  return behindInner(buffer, at, read16(buffer, gre + 2), end, transport);
}

function behindType(buffer: Buffer, at: number, type: number, end: number, transport: number): boolean {
  if (type === ETHERNET_BRIDGING) return behindEthernet(buffer, at, end, transport);
  if (type === MPLS || type === MPLS_MULTICAST) return behindLabels(buffer, at, end, transport);
  if (type === PPPOE) return behindPppoe(buffer, at, end, transport);
  return fits(buffer, at, type, end, transport);
}

/** The same in a tunnel, in which no PPPoE header is found: nobody would make its length right. */
function behindInner(buffer: Buffer, at: number, type: number, end: number, transport: number): boolean {
  return type !== PPPOE && behindType(buffer, at, type, end, transport);
}

/** Labels do not say what they stand before: the first four bits of a packet do. */
function behindLabels(buffer: Buffer, labels: number, end: number, transport: number): boolean {
  let at = labels;
  while (end - at > 24 && (buffer[at + 2]! & BOTTOM_OF_STACK) === 0) at += 4;
  at += 4;
  if (end - at < 20) return false;
  return fits(buffer, at, buffer[at]! >> 4 === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6, end, transport);
}

/** Only directly behind Ethernet, where `OuterHeaders` knows of it. */
function behindPppoe(buffer: Buffer, at: number, end: number, transport: number): boolean {
  if (end - at < PPPOE_HEADER_BYTES) return false;
  const protocol = read16(buffer, at + 6);
  const type = protocol === PPP_IPV4 ? ETHERTYPE_IPV4 : protocol === PPP_IPV6 ? ETHERTYPE_IPV6 : 0;
  return type !== 0 && fits(buffer, at + PPPOE_HEADER_BYTES, type, end, transport);
}

/** VXLAN (RFC 7348) or Geneve (RFC 8926), whatever the port. */
function behindUdp(buffer: Buffer, udp: number, end: number, transport: number): boolean {
  const at = udp + UDP_HEADER_BYTES;
  if (end - at < VXLAN_HEADER_BYTES + 34) return false;
  const first = buffer[at]!;
  if ((first & VXLAN_VALID) !== 0 && (buffer[at + 1]! & VXLAN_REMOTE_CHECKSUM) === 0) {
    if (behindEthernet(buffer, at + VXLAN_HEADER_BYTES, end, transport)) return true;
  }
  if (first >> 6 !== 0) return false;
  return behindInner(buffer, at + 8 + (first & 63) * 4, read16(buffer, at + 2), end, transport);
}

/** An IP header whose transport header stands just there, behind bytes of whatever kind. */
function beforeTransport(buffer: Buffer, from: number, end: number, transport: number): boolean {
  for (const words of IPV4_WORDS) {
    if (transport - words * 4 < from) break;
    if (endsAt(buffer, transport - words * 4, ETHERTYPE_IPV4, end, transport)) return true;
  }
  for (let units = 0; units <= MOST_EXTENSION_UNITS; units++) {
    const l3 = transport - 40 - units * 8;
    if (l3 < from) break;
    if (endsAt(buffer, l3, ETHERTYPE_IPV6, end, transport)) return true;
  }
  return false;
}

function endsAt(buffer: Buffer, l3: number, etherType: number, end: number, transport: number): boolean {
  return fits(buffer, l3, etherType, end, transport) && inner.l4 === transport;
}

function read16(buffer: Buffer, at: number): number {
  return (buffer[at]! << 8) | buffer[at + 1]!;
}

function write16(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >>> 8;
  buffer[at + 1] = value;
}
