/** What is laid over a line: nothing, or one Handler between two TAPs with so many wires. */
import { Failure, UsageError } from '../../vnet/cli/failures.ts';
import type { Variant } from '../variants.ts';

/** The line itself: always measured, and what the ratios are to. */
export const BARE = 'bare';

/** What a server's greeting names when its Handlers may have several wires. */
const WIRES = 'wires';

const handler = (name: string, title: string, scheme: 'tcp' | 'tls', wires?: number): Variant => ({
  name,
  title,
  scheme,
  backend: 'tap',
  offload: 'on',
  ...(wires === undefined ? {} : { wires }),
});

export const TUNNELS: readonly Variant[] = [
  { name: BARE, title: 'bare line' },
  handler('tcp', 'TCP', 'tcp'),
  handler('tls', 'TLS', 'tls'),
  handler('tcp1', 'TCP, 1 wire', 'tcp', 1),
  handler('tls1', 'TLS, 1 wire', 'tls', 1),
  handler('tcp4', 'TCP, 4 wires', 'tcp', 4),
  handler('tls4', 'TLS, 4 wires', 'tls', 4),
];

/** The names, parted by commas, when each is known; undefined when left out. @throws UsageError */
export function readTunnels(text: string | undefined): readonly string[] | undefined {
  const names = text?.split(',');
  const known = TUNNELS.map(({ name }) => name);
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  throw new UsageError(`--only knows ${known.join(', ')} with --wan, not "${unknown}"`);
}

/**
 * What is measured of servers with these features. When nothing is chosen: one wire and four where servers can have
 * several, else one column for each scheme.
 * @throws Failure when a number of wires is chosen that these servers cannot be told
 */
export function tunnelsFor(
  features: readonly string[],
  chosen: readonly string[] | undefined,
): readonly Variant[] {
  const several = features.includes(WIRES);
  const wanted = ({ name, wires }: Variant): boolean =>
    name === BARE || (chosen === undefined ? (wires !== undefined) === several : chosen.includes(name));
  const tunnels = TUNNELS.filter(wanted);
  const impossible = several ? undefined : tunnels.find(({ wires }) => wires !== undefined);
  if (impossible !== undefined) {
    throw new Failure(
      1,
      `${impossible.name} cannot be measured: the server's greeting does not name the feature ${WIRES}`,
    );
  }
  return tunnels;
}
