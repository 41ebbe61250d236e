/** Which two kinds of device a Handler joins. */
import { UsageError } from '../vnet/cli/failures.ts';
import { BACKENDS, type Backend } from './variants.ts';

export type Pair = readonly [Backend, Backend];

/** Each two kinds once; each is tried both ways. */
export const PAIRS: readonly Pair[] = BACKENDS.flatMap((one, at) =>
  BACKENDS.slice(at).map((other) => [one, other] as const),
);

/** `tap-packet` */
export const pairName = (pair: Pair): string => pair.join('-');

/** The pairs named, parted by commas, either kind first; all of them when left out. @throws UsageError */
export function chosenPairs(only: string | undefined): readonly Pair[] {
  if (only === undefined) return PAIRS;
  const names = only.split(',');
  const named = (pair: Pair) => names.some((name) => isPair(pair, name));
  const unknown = names.find((name) => !PAIRS.some((pair) => isPair(pair, name)));
  if (unknown === undefined) return PAIRS.filter(named);
  const known = PAIRS.map(pairName).join(', ');
  throw new UsageError(`--only knows ${known} with --transfer, not "${unknown}"`);
}

const isPair = ([one, other]: Pair, name: string): boolean =>
  name === `${one}-${other}` || name === `${other}-${one}`;

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'];
const MOST = 1024 ** 4;

/** Bytes of a whole number with a unit, such as 256MiB; at most 1 TiB. @throws UsageError that begins with `name` */
export function readSize(name: string, text: string): number {
  const [, digits = '', unit = ''] = /^([1-9]\d*)([KMGT]iB)$/.exec(text) ?? [];
  const bytes = Number(digits) * 1024 ** (UNITS.indexOf(unit) + 1);
  if (unit === '' || bytes > MOST) {
    throw new UsageError(
      `${name} takes a whole number with ${UNITS.join(', ')}, up to 1TiB, such as 10GiB, not "${text}"`,
    );
  }
  return bytes;
}
