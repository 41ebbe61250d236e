/**
 * A frame in words, as one would say it, to its bytes:
 *
 *     52:54:00:00:00:01 to broadcast arp who-has 192.168.7.10 tell 192.168.7.2
 *     52:54:00:00:00:01 to 52:54:00:00:00:02 vlan 7 ip 10.0.0.1 to 10.0.0.2 tcp 40000 to 443 bytes 1514
 */
import { isIPv4, isIPv6 } from 'node:net';
import { BROADCAST, ETHERTYPE_IPV4, ETHERTYPE_IPV6, writeMac } from '../../../machines/frames/ethernet.ts';
import { macNumber, parseMac } from '../../../machines/protocol/mac.ts';
import { UsageError } from '../cli/failures.ts';

const LEAST = 60;
const MOST = 65_575;
const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17, icmp6: 58 } as const;

/** The words that are still to be read. */
class Words {
  #at = 0;

  constructor(private readonly words: readonly string[]) {}

  get more(): boolean {
    return this.#at < this.words.length;
  }

  /** The next word, in lower case. */
  get peek(): string {
    return (this.words[this.#at] ?? '').toLowerCase();
  }

  take(what: string): string {
    const word = this.peek;
    if (word === '') throw new UsageError(`the frame ends where ${what} should stand`);
    this.#at++;
    return word;
  }

  /** Takes the word when it is next. */
  skip(...wanted: readonly string[]): boolean {
    const found = wanted.includes(this.peek);
    if (found) this.#at++;
    return found;
  }

  need(...wanted: readonly string[]): void {
    if (!this.skip(...wanted)) {
      const found = this.more ? `"${this.peek}"` : 'the end';
      throw new UsageError(`in the frame, ${found} stands where "${wanted[0]}" should`);
    }
  }
}

/** @throws UsageError that says what was wrong */
export function composeFrame(text: readonly string[]): Buffer {
  const words = new Words(text.flatMap((word) => word.split(/\s+/)).filter((word) => word !== ''));
  const source = mac(words.take('the source address'), 'source');
  words.need('to', '>');
  const destination = mac(words.take('the destination address'), 'destination');
  const tags: Buffer[] = [];
  while (words.skip('vlan')) tags.push(tag(words.take('a VLAN id')));
  const { type, payload } = content(words, source);
  const length = words.skip('bytes') ? number(words.take('a length'), 'bytes', 14, MOST) : 0;
  if (words.more) throw new UsageError(`nothing is known of "${words.peek}" in a frame`);
  const ethernet = Buffer.alloc(12);
  writeMac(ethernet, 0, destination);
  writeMac(ethernet, 6, source);
  const etherType = Buffer.alloc(2);
  etherType.writeUInt16BE(type);
  const headers = Buffer.concat([ethernet, ...tags, etherType]);
  const whole = Buffer.alloc(Math.max(length === 0 ? LEAST : length, headers.length + payload.length));
  headers.copy(whole);
  payload.copy(whole, headers.length);
  finishIp(whole, headers.length, type);
  return whole;
}

function mac(text: string, which: string): number {
  if (text === 'broadcast') return BROADCAST;
  const parsed = parseMac(text);
  if (!parsed.ok) throw new UsageError(`the ${which} "${text}": ${parsed.refusal.text}, or broadcast`);
  return macNumber(parsed.value);
}

function number(text: string, what: string, least: number, most: number): number {
  const value = /^[0-9]{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${what} "${text}": it is a number from ${least} to ${most}`);
}

function tag(text: string): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(0x8100);
  bytes.writeUInt16BE(number(text, 'vlan', 0, 4095), 2);
  return bytes;
}

interface Content {
  readonly type: number;
  readonly payload: Buffer;
}

function content(words: Words, source: number): Content {
  const kind = words.take('arp, ip, ip6 or 0xTYPE');
  switch (kind) {
    case 'arp':
      return { type: 0x0806, payload: arp(words, source) };
    case 'ip':
      return { type: ETHERTYPE_IPV4, payload: ip(words, 4) };
    case 'ip6':
      return { type: ETHERTYPE_IPV6, payload: ip(words, 6) };
    default:
      if (/^0x[0-9a-f]{1,4}$/.test(kind)) return { type: Number(kind), payload: Buffer.alloc(0) };
      throw new UsageError(`"${kind}" is no kind of frame: arp, ip, ip6 or 0xTYPE`);
  }
}

function arp(words: Words, source: number): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16BE(1);
  bytes.writeUInt16BE(ETHERTYPE_IPV4, 2);
  bytes[4] = 6;
  bytes[5] = 4;
  writeMac(bytes, 8, source);
  const reply = words.skip('is-at', 'reply');
  if (!reply) words.need('who-has');
  bytes.writeUInt16BE(reply ? 2 : 1, 6);
  address(words.take('an address'), 4).copy(bytes, reply ? 14 : 24);
  if (words.skip('tell')) address(words.take('an address'), 4).copy(bytes, reply ? 24 : 14);
  return bytes;
}

function address(text: string, version: 4 | 6): Buffer {
  if (version === 4 && isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  if (version === 6 && isIPv6(text) && !text.includes('%')) return sixteen(text);
  throw new UsageError(`"${text}" is no IPv${version} address`);
}

function sixteen(text: string): Buffer {
  const v4 = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = (high = '0', low = '0') => (Number(high) * 256 + Number(low)).toString(16);
  const plain = v4 === null ? text : `${v4[1]}${hex(v4[2], v4[3])}:${hex(v4[4], v4[5])}`;
  const [head = '', tail] = plain.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const [first, last] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? [] : Array<string>(8 - first.length - last.length).fill('0');
  const bytes = Buffer.alloc(16);
  for (const [i, group] of [...first, ...zeros, ...last].entries())
    bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i);
  return bytes;
}

function ip(words: Words, version: 4 | 6): Buffer {
  const empty = Buffer.alloc(version === 4 ? 4 : 16);
  let [source, destination]: [Buffer, Buffer] = [empty, empty];
  if (words.more && !isNext(words)) {
    source = address(words.take('an address'), version);
    words.need('to', '>');
    destination = address(words.take('an address'), version);
  }
  const { protocol, bytes } = transport(words, version);
  return Buffer.concat([
    version === 4 ? ip4(protocol, source, destination) : ip6(protocol, source, destination),
    bytes,
  ]);
}

const isNext = ({ peek }: Words): boolean => peek === 'bytes' || Object.hasOwn(PROTOCOLS, peek);

function transport(words: Words, version: 4 | 6): { readonly protocol: number; readonly bytes: Buffer } {
  const name = words.peek;
  if (!Object.hasOwn(PROTOCOLS, name)) return { protocol: 59, bytes: Buffer.alloc(0) };
  words.take('a protocol');
  if (name === 'icmp' || name === 'icmp6') {
    return version === 4
      ? { protocol: PROTOCOLS.icmp, bytes: Buffer.from([8, 0, 0, 0, 0, 0, 0, 0]) }
      : { protocol: PROTOCOLS.icmp6, bytes: Buffer.from([128, 0, 0, 0, 0, 0, 0, 0]) };
  }
  const bytes = Buffer.alloc(name === 'tcp' ? 20 : 8);
  if (/^[0-9]+$/.test(words.peek)) {
    bytes.writeUInt16BE(number(words.take('a port'), 'a port', 0, 65_535), 0);
    words.need('to', '>');
    bytes.writeUInt16BE(number(words.take('a port'), 'a port', 0, 65_535), 2);
  }
  if (name === 'tcp') bytes.writeUInt16BE(0x5002, 12);
  return { protocol: PROTOCOLS[name as 'tcp' | 'udp'], bytes };
}

function ip4(protocol: number, source: Buffer, destination: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header[8] = 64;
  header[9] = protocol;
  source.copy(header, 12);
  destination.copy(header, 16);
  return header;
}

function ip6(protocol: number, source: Buffer, destination: Buffer): Buffer {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header[6] = protocol;
  header[7] = 64;
  source.copy(header, 8);
  destination.copy(header, 24);
  return header;
}

/** Lengths, and the checksum of an IPv4 header. Those of the transport stay zero: nothing on the way looks at them. */
function finishIp(frame: Buffer, at: number, type: number): void {
  const bytes = frame.length - at;
  if (type === ETHERTYPE_IPV6) frame.writeUInt16BE(Math.min(65_535, Math.max(0, bytes - 40)), at + 4);
  if (type !== ETHERTYPE_IPV4) return;
  frame.writeUInt16BE(Math.min(65_535, bytes), at + 2);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += frame.readUInt16BE(at + i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  frame.writeUInt16BE(~sum & 0xffff, at + 10);
}
