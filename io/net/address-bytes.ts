import { isIP } from 'node:net';
import { plainAddress } from './address.ts';

/**
 * An address as it stands in a packet: 4 or 16 bytes in network order, an IPv4-mapped one as the IPv4 address that it is,
 * without a zone. Undefined for what is no address.
 */
export function addressBytes(address: string): Uint8Array | undefined {
  const bare = plainAddress(address.replace(/%.*$/, ''));
  switch (isIP(bare)) {
    case 4:
      return Uint8Array.from(bare.split('.'), Number);
    case 6:
      return ipv6Bytes(bare);
    default:
      return undefined;
  }
}

function ipv6Bytes(address: string): Uint8Array {
  const [before = '', behind] = address.split('::');
  const head = groups(before);
  const tail = groups(behind ?? '');
  const zeros = Array<number>(8 - head.length - tail.length).fill(0);
  return Uint8Array.from([...head, ...zeros, ...tail].flatMap((group) => [group >> 8, group & 0xff]));
}

/** Also with an IPv4 address at the end, which are two of them. */
function groups(text: string): number[] {
  return text
    .split(':')
    .filter((part) => part !== '')
    .flatMap((part) => {
      if (!part.includes('.')) return [Number.parseInt(part, 16)];
      const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
      return [a * 256 + b, c * 256 + d];
    });
}
