/**
 * Ethernet II frames in place: every function takes a buffer and the offset of the frame's first byte, and
 * allocates nothing. The caller has made sure of at least 14 bytes.
 *
 *     0           6           12          12 + 4n     14 + 4n
 *     +-----------+-----------+-----------+-----------+--------- -
 *     |destination|  source   | n VLAN    | ethertype | layer 3
 *     |  6 bytes  |  6 bytes  | tags of 4 |  2 bytes  |
 *     +-----------+-----------+-----------+-----------+--------- -
 *
 * A VLAN tag (IEEE 802.1Q) is a 2-byte TPID, one of 0x8100, 0x88a8 and 0x9100, and 2 bytes of PCP, DEI and VID.
 * At most eight are looked behind, as in Linux (VLAN_MAX_DEPTH).
 */

/** Bytes of an Ethernet header without tags; also the shortest frame that crosses. */
export const ETHERNET_HEADER_BYTES = 14;
export const VLAN_TAG_BYTES = 4;
export const MAX_VLAN_TAGS = 8;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_RARP = 0x8035;

/** ff:ff:ff:ff:ff:ff as a 48-bit number. */
export const BROADCAST = 0xffff_ffff_ffff;

/** The six bytes at `at` as a 48-bit number. */
export function macAt(buffer: Buffer, at: number): number {
  return macHigh(buffer, at) * 0x1_0000_0000 + (macLow(buffer, at) >>> 0);
}

/** The first two bytes of the address at `at`, 0..65535. */
export function macHigh(buffer: Buffer, at: number): number {
  return (buffer[at]! << 8) | buffer[at + 1]!;
}

/** The last four bytes of the address at `at`, as a signed 32-bit integer (quick to compare). */
export function macLow(buffer: Buffer, at: number): number {
  return (buffer[at + 2]! << 24) | (buffer[at + 3]! << 16) | (buffer[at + 4]! << 8) | buffer[at + 5]!;
}

/** Writes a 48-bit number as six bytes. */
export function writeMac(buffer: Buffer, at: number, mac: number): void {
  buffer.writeUIntBE(mac, at, 6);
}

/** Destination address as a 48-bit number. */
export function destination(buffer: Buffer, frame: number): number {
  return macAt(buffer, frame);
}

/** Source address as a 48-bit number. */
export function source(buffer: Buffer, frame: number): number {
  return macAt(buffer, frame + 6);
}

/** Whether the destination is a group address: multicast or broadcast. */
export function isGroup(buffer: Buffer, frame: number): boolean {
  return (buffer[frame]! & 1) !== 0;
}

export function isBroadcast(buffer: Buffer, frame: number): boolean {
  return macHigh(buffer, frame) === 0xffff && macLow(buffer, frame) === -1;
}

/** Whether the destination is 01:80:c2:00:00:00 to 0f: spanning tree, pause, LACP, LLDP (IEEE 802.1Q, 8.6.3). */
export function isLinkLocalControl(buffer: Buffer, frame: number): boolean {
  return macHigh(buffer, frame) === 0x0180 && macLow(buffer, frame) >>> 4 === 0xc200000;
}

/**
 * Offset of the ethertype behind the VLAN tags, in a frame that ends at `end`. Layer 3 begins two bytes later.
 * A tag that the frame is too short for is taken for the ethertype.
 */
export function etherTypeOffset(buffer: Buffer, frame: number, end: number): number {
  let at = frame + 12;
  for (let tags = 0; tags < MAX_VLAN_TAGS && at + 6 <= end; tags++) {
    const type = (buffer[at]! << 8) | buffer[at + 1]!;
    if (type !== 0x8100 && type !== 0x88a8 && type !== 0x9100) break;
    at += VLAN_TAG_BYTES;
  }
  return at;
}

/** Whether a tag has the TPID 0x9100, which old switches use and Linux does not know as a tag. */
export function hasForeignTag(buffer: Buffer, frame: number, end: number): boolean {
  const type = etherTypeOffset(buffer, frame, end);
  for (let at = frame + 12; at < type; at += VLAN_TAG_BYTES) if (buffer[at] === 0x91) return true;
  return false;
}

/**
 * Whether what the frame carries, without Ethernet header and VLAN tags, is longer than `mtu` bytes.
 * Super-frames are longer than any MTU; whether a frame is one is for the caller to know.
 */
export function exceedsMtu(buffer: Buffer, frame: number, end: number, mtu: number): boolean {
  if (end - frame <= mtu + ETHERNET_HEADER_BYTES) return false;
  return end - (etherTypeOffset(buffer, frame, end) + 2) > mtu;
}

/**
 * Whether a captured interface refuses the frame for its length: it takes one VLAN tag beside the MTU, and that of TPID
 * 0x8100 only (packet(7)).
 */
export function exceedsCapture(buffer: Buffer, frame: number, end: number, mtu: number): boolean {
  const tag = buffer[frame + 12] === 0x81 && buffer[frame + 13] === 0 ? VLAN_TAG_BYTES : 0;
  return end - frame > mtu + ETHERNET_HEADER_BYTES + tag;
}
