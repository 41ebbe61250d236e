/** Numbers as they stand in arguments: decimal digits, no sign, no leading zero. */

/** IPv4 needs 68 (RFC 791); 65,535 is the most that an IP packet can be long. */
export const MTU_RANGE = '68 to 65535';

/** A positive whole number up to `most`, or undefined. */
export function parsePositive(text: string, most: number = Number.MAX_SAFE_INTEGER): number | undefined {
  if (!/^[1-9][0-9]{0,15}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= most ? value : undefined;
}

/** An MTU in bytes, 68 to 65,535, or undefined. */
export function parseMtu(text: string): number | undefined {
  const value = parsePositive(text, 65_535);
  return value !== undefined && value >= 68 ? value : undefined;
}

const FACTORS: Readonly<Record<string, number>> = { k: 1e3, M: 1e6, G: 1e9 };

/** Bits a second: a positive whole number, with k, M or G behind it for thousands, millions and (US) billions. */
export function parseRate(text: string): number | undefined {
  const factor = FACTORS[text.slice(-1)];
  return factor === undefined ? parsePositive(text) : scale(parsePositive(text.slice(0, -1)), factor);
}

function scale(value: number | undefined, factor: number): number | undefined {
  const product = value === undefined ? Number.NaN : value * factor;
  return Number.isSafeInteger(product) ? product : undefined;
}
