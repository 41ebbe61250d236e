/**
 * Where in an Ethernet frame the IP header and the transport header stand. Takes any bytes: never throws, never reads
 * past the frame, looks at no more than eight extension headers.
 *
 *     | Ethernet, 0-8 tags | IPv4 20..60 bytes, or IPv6 40 and extension headers | TCP, UDP … |      |
 *     frame                l3                                                    l4     packetEnd   end
 */
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, etherTypeOffset } from './ethernet.ts';

export const TCP = 6;
export const UDP = 17;
export const SCTP = 132;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const MOST_EXTENSION_HEADERS = 8;
const IPV6_HEADER_BYTES = 40;
/** A hop-by-hop header of 8 bytes that holds just the jumbo payload option (RFC 2675): length 0, type 0xc2, 4. */
const JUMBO_HEADER = 0x0000c204;

/** Filled in by `locate`; use one again and again. */
export class IpLayout {
  /** 4 or 6. */
  version = 0;
  /** Offset of the IP header. */
  l3 = 0;
  /** Offset of the transport header: the first byte behind IP header and extension headers. */
  l4 = 0;
  /** Protocol number of what stands at `l4`. */
  protocol = 0;
  /** What the IP header says that the packet's length is, its own header included; 0 where it says 0 (BIG TCP). */
  declared = 0;
  /** End of the packet: `l3 + declared`, or the frame's end where that is 0 or past it. */
  packetEnd = 0;
  /** A fragment, also the first one, or an IPv6 fragment header of whatever content. */
  fragment = false;
  /** There is an IPv6 routing header: the destination of the pseudo header is not that of the IP header. */
  routed = false;
  /** There is an authentication header: the packet must not be changed. */
  authenticated = false;
  /** Offset of an IPv6 jumbo payload header that BIG TCP put directly behind the IPv6 header, or -1. */
  jumbo = -1;
}

/**
 * Looks at the frame in `[frame, end)`. @returns whether it is an IP packet whose header and extension headers are
 * there as a whole; only then `out` is good. Transport bytes may be missing, even all of them.
 */
export function locate(buffer: Buffer, frame: number, end: number, out: IpLayout): boolean {
  if (end - frame < 14) return false;
  const type = etherTypeOffset(buffer, frame, end);
  return locateAt(buffer, type + 2, (buffer[type]! << 8) | buffer[type + 1]!, end, out);
}

/** The same for a packet of this ethertype that begins at `l3`. */
export function locateAt(buffer: Buffer, l3: number, etherType: number, end: number, out: IpLayout): boolean {
  out.l3 = l3;
  out.routed = false;
  out.authenticated = false;
  out.jumbo = -1;
  if (etherType === ETHERTYPE_IPV4) return locate4(buffer, end, out);
  if (etherType === ETHERTYPE_IPV6) return locate6(buffer, end, out);
  return false;
}

function locate4(buffer: Buffer, end: number, out: IpLayout): boolean {
  const l3 = out.l3;
  if (end - l3 < 20) return false;
  const first = buffer[l3]!;
  const headerBytes = (first & 15) * 4;
  if (first >> 4 !== 4 || headerBytes < 20 || l3 + headerBytes > end) return false;
  const declared = (buffer[l3 + 2]! << 8) | buffer[l3 + 3]!;
  if (declared !== 0 && declared < headerBytes) return false;
  out.version = 4;
  out.l4 = l3 + headerBytes;
  out.protocol = buffer[l3 + 9]!;
  out.declared = declared;
  out.packetEnd = declared === 0 ? end : Math.min(end, l3 + declared);
  out.fragment = (((buffer[l3 + 6]! << 8) | buffer[l3 + 7]!) & 0x3fff) !== 0;
  return true;
}

function locate6(buffer: Buffer, end: number, out: IpLayout): boolean {
  const l3 = out.l3;
  if (end - l3 < IPV6_HEADER_BYTES || buffer[l3]! >> 4 !== 6) return false;
  const payload = (buffer[l3 + 4]! << 8) | buffer[l3 + 5]!;
  out.version = 6;
  out.declared = payload === 0 ? 0 : IPV6_HEADER_BYTES + payload;
  out.packetEnd = payload === 0 ? end : Math.min(end, l3 + out.declared);
  out.fragment = false;
  return walkExtensions(buffer, out.packetEnd, out);
}

/** Follows the chain of extension headers (RFC 8200, 4) to the transport header. */
function walkExtensions(buffer: Buffer, end: number, out: IpLayout): boolean {
  let next = buffer[out.l3 + 6]!;
  let at = out.l3 + IPV6_HEADER_BYTES;
  for (let headers = 0; isExtension(next); headers++) {
    if (headers === MOST_EXTENSION_HEADERS || end - at < 8) return false;
    if (next === FRAGMENT) out.fragment = true;
    else if (next === ROUTING) out.routed = true;
    else if (next === AUTHENTICATION) out.authenticated = true;
    else if (next === HOP_BY_HOP && headers === 0 && out.declared === 0 && isJumbo(buffer, at))
      out.jumbo = at;
    const bytes = extensionBytes(next, buffer[at + 1]!);
    next = buffer[at]!;
    at += bytes;
    if (at > end) return false;
  }
  out.l4 = at;
  out.protocol = next;
  return true;
}

function isExtension(header: number): boolean {
  return (
    header === HOP_BY_HOP ||
    header === ROUTING ||
    header === FRAGMENT ||
    header === AUTHENTICATION ||
    header === DESTINATION_OPTIONS
  );
}

function extensionBytes(header: number, length: number): number {
  if (header === FRAGMENT) return 8;
  return header === AUTHENTICATION ? (length + 2) * 4 : (length + 1) * 8;
}

function isJumbo(buffer: Buffer, at: number): boolean {
  return (buffer.readUInt32BE(at) & 0x00ffffff) === JUMBO_HEADER;
}

/**
 * Offset behind the TCP or UDP header at `layout.l4`, where the data begins; -1 when the protocol is another one, the
 * header is not there as a whole, or says an impossible length.
 */
export function dataOffset(buffer: Buffer, layout: IpLayout): number {
  const { l4, protocol, packetEnd } = layout;
  if (protocol === UDP) return l4 + 8 <= packetEnd ? l4 + 8 : -1;
  if (protocol !== TCP || l4 + 20 > packetEnd) return -1;
  const data = l4 + (buffer[l4 + 12]! >> 4) * 4;
  return data >= l4 + 20 && data <= packetEnd ? data : -1;
}
