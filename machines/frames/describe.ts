/** What a frame is, in words, as tcpdump would say it in one line. Takes any bytes: never throws, never reads past the end. */
import { formatMac } from '../protocol/mac.ts';
import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_RARP,
  etherTypeOffset,
  isLinkLocalControl,
  macAt,
} from './ethernet.ts';
import { IpLayout, locate, TCP, UDP } from './parse-ip.ts';

export interface FrameDescription {
  /** `aa:bb:cc:dd:ee:ff` */
  readonly source: string;
  readonly destination: string;
  /** Ethertype behind the tags, 0..65535; below 1,536 it is a length (IEEE 802.3). */
  readonly type: number;
  /** VLAN id of the outermost tag, 0..4095; undefined without one. */
  readonly vlan: number | undefined;
  /** Addresses, ports and protocol in words; empty where there is nothing to tell beyond the type. */
  readonly info: string;
}

const ETHERTYPE_ARP = 0x0806;
const ICMP = 1;
const ICMPV6 = 58;
const ARP_BYTES = 28;
const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [2, 'igmp'],
  [4, 'ipip'],
  [41, 'sit'],
  [47, 'gre'],
  [50, 'esp'],
  [51, 'ah'],
  [89, 'ospf'],
  [112, 'vrrp'],
  [132, 'sctp'],
]);
const TYPES: ReadonlyMap<number, string> = new Map([
  [ETHERTYPE_RARP, 'rarp'],
  [0x8863, 'pppoe discovery'],
  [0x8864, 'pppoe'],
  [0x8847, 'mpls'],
  [0x888e, '802.1X'],
  [0x88cc, 'lldp'],
  [0x88e5, 'macsec'],
]);
const layout = new IpLayout();

/**
 * @param frame where the frame begins in `buffer`; at least 14 bytes of it are there
 * @param end where what is there of it ends, which may be before the frame's own end
 */
export function describeFrame(buffer: Buffer, frame: number, end: number): FrameDescription {
  const type = etherTypeOffset(buffer, frame, end);
  const etherType = (buffer[type]! << 8) | buffer[type + 1]!;
  const vlan = type === frame + 12 ? undefined : ((buffer[frame + 14]! << 8) | buffer[frame + 15]!) & 0xfff;
  return {
    source: formatMac(macAt(buffer, frame + 6)),
    destination: formatMac(macAt(buffer, frame)),
    type: etherType,
    vlan,
    info: info(buffer, frame, end, etherType, type + 2),
  };
}

function info(buffer: Buffer, frame: number, end: number, etherType: number, l3: number): string {
  if (etherType === ETHERTYPE_ARP) return arp(buffer, l3, end);
  if (etherType === ETHERTYPE_IPV4 || etherType === ETHERTYPE_IPV6) return ip(buffer, frame, end, etherType);
  if (etherType < 0x600) return isLinkLocalControl(buffer, frame) ? 'spanning tree' : '802.3';
  return TYPES.get(etherType) ?? '';
}

function arp(buffer: Buffer, at: number, end: number): string {
  if (end - at < ARP_BYTES || buffer.readUInt16BE(at + 2) !== ETHERTYPE_IPV4) return 'arp';
  const [sender, target] = [ipv4(buffer, at + 14), ipv4(buffer, at + 24)];
  switch (buffer.readUInt16BE(at + 6)) {
    case 1:
      return sender === target ? `arp announces ${sender}` : `arp who-has ${target} tell ${sender}`;
    case 2:
      return `arp ${sender} is-at ${formatMac(macAt(buffer, at + 8))}`;
    default:
      return 'arp';
  }
}

function ip(buffer: Buffer, frame: number, end: number, etherType: number): string {
  if (!locate(buffer, frame, end, layout)) return etherType === ETHERTYPE_IPV4 ? 'ip' : 'ip6';
  const { version, l3, l4, protocol, fragment } = layout;
  const four = version === 4;
  const source = four ? ipv4(buffer, l3 + 12) : ipv6(buffer, l3 + 8);
  const destination = four ? ipv4(buffer, l3 + 16) : ipv6(buffer, l3 + 24);
  if (fragment) return `${source} > ${destination} fragment of protocol ${protocol}`;
  if ((protocol === TCP || protocol === UDP) && l4 + 4 <= end) {
    const port = (at: number) => buffer.readUInt16BE(l4 + at);
    const hosts = four ? [source, destination] : [`[${source}]`, `[${destination}]`];
    const what = protocol === TCP ? `tcp${tcpFlags(buffer, l4, end)}` : 'udp';
    return `${hosts[0]}:${port(0)} > ${hosts[1]}:${port(2)} ${what}`;
  }
  return `${source} > ${destination} ${protocolName(buffer, l4, end, protocol)}`;
}

function tcpFlags(buffer: Buffer, l4: number, end: number): string {
  if (l4 + 14 > end) return '';
  const flags = buffer[l4 + 13]!;
  const names = ['fin', 'syn', 'rst', 'psh', 'ack'].filter((_, bit) => (flags & (1 << bit)) !== 0);
  return names.length === 0 ? '' : ` ${names.join(',')}`;
}

function protocolName(buffer: Buffer, l4: number, end: number, protocol: number): string {
  if (protocol !== ICMP && protocol !== ICMPV6) return PROTOCOLS.get(protocol) ?? `protocol ${protocol}`;
  if (l4 >= end) return 'icmp';
  const type = buffer[l4]!;
  const names = protocol === ICMP ? ICMP_TYPES : ICMPV6_TYPES;
  return `${protocol === ICMP ? 'icmp' : 'icmp6'} ${names.get(type) ?? `type ${type}`}`;
}

const ICMP_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'echo reply'],
  [3, 'unreachable'],
  [5, 'redirect'],
  [8, 'echo request'],
  [11, 'time exceeded'],
]);
const ICMPV6_TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'unreachable'],
  [2, 'packet too big'],
  [3, 'time exceeded'],
  [128, 'echo request'],
  [129, 'echo reply'],
  [133, 'router solicitation'],
  [134, 'router advertisement'],
  [135, 'neighbor solicitation'],
  [136, 'neighbor advertisement'],
  [143, 'multicast listener report'],
]);

function ipv4(buffer: Buffer, at: number): string {
  return `${buffer[at]}.${buffer[at + 1]}.${buffer[at + 2]}.${buffer[at + 3]}`;
}

/** RFC 5952: lower-case, the longest run of zero groups (the first of equals) as `::`. */
function ipv6(buffer: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => buffer.readUInt16BE(at + 2 * i));
  let [best, longest] = [-1, 1];
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > longest) [best, longest] = [from, to - from];
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  return best < 0 ? text(groups) : `${text(groups.slice(0, best))}::${text(groups.slice(best + longest))}`;
}
