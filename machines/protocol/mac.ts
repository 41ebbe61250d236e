/** MAC addresses (IEEE 802 EUI-48): as text `aa:bb:cc:dd:ee:ff`, and as a 48-bit number for look-ups. */
import { bad, good, type Refusal, type Result } from './errors.ts';

/** Most addresses of one Handler. */
export const MAX_MACS = 1024;
/** Stands in place of the addresses of a BRIDGE Handler. */
export const ANY_MAC = '*';

const FORM = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;
const EXAMPLE = 'six pairs of hex digits with colons between, e.g. 52:54:00:12:34:56';

/** Any EUI-48 address, in lower case; `bad-mac` for another form. */
export function parseMac(text: string): Result<string> {
  const mac = text.length === 17 ? text.toLowerCase() : '';
  return FORM.test(mac) ? good(mac) : bad('bad-mac', `a MAC address is ${EXAMPLE}`);
}

/** Refuses what cannot be the address of one machine: a group address, or all zero. `mac` in canonical form. */
export function refuseMac(mac: string): Refusal | undefined {
  if (Number.parseInt(mac.slice(0, 2), 16) & 1) {
    return { reason: 'bad-mac', text: 'a group (multicast or broadcast) address is not that of a machine' };
  }
  if (macNumber(mac) === 0) {
    return { reason: 'bad-mac', text: 'the address of all zeros is not that of a machine' };
  }
  return undefined;
}

/** The addresses of a Handler: `['*']`, or 1 to 1,024 unicast ones, sorted and without doubles; else `bad-mac`. */
export function parseMacs(words: readonly string[]): Result<readonly string[]> {
  if (words.length === 0)
    return bad('bad-mac', 'at least one MAC address (for BRIDGE: *) must follow the roles');
  if (words.length === 1 && words[0] === ANY_MAC) return good([ANY_MAC]);
  const macs = new Set<string>();
  for (const [index, word] of words.entries()) {
    const mac = parseMac(word);
    const refusal = mac.ok ? refuseMac(mac.value) : mac.refusal;
    if (refusal) return bad('bad-mac', `MAC address ${index + 1}: ${refusal.text}`);
    if (mac.ok) macs.add(mac.value);
  }
  if (macs.size > MAX_MACS) return bad('bad-mac', `a Handler has at most ${MAX_MACS} MAC addresses`);
  return good([...macs].sort());
}

/** The 48 bits of a canonical address as a number, first octet highest. */
export function macNumber(mac: string): number {
  return Number.parseInt(mac.replaceAll(':', ''), 16);
}

/** Canonical text of a 48-bit number, 0 to 2^48 - 1. */
export function formatMac(mac: number): string {
  return mac
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?!$)/g, '$&:');
}
