/** Which congestion control connections really have, and which there are (tcp(7)). */
import { readFileSync } from 'node:fs';
import type { Lab } from '../../lab/lab.ts';
import { SERVER_PORT } from '../variants.ts';

/** What `ss -i` says before the name; flags of the connection. */
const FLAGS = 'ts|sack|ecn|ecnseen|fastopen';

/** The congestion control of each connection in what `ss -tinH` prints: two lines a connection, the second set in. */
export function readCongestion(output: string): string[] {
  const line = new RegExp(`^\\s+(?:(?:${FLAGS}) )*([a-z]\\w*)\\b(?!:)`, 'gm');
  return [...output.matchAll(line)].map(([, name = '']) => name).sort();
}

/** The congestion control of each wire that the namespace has dialled, in order of their names. @throws CommandError */
export async function congestionOfWires(lab: Lab, ns: string): Promise<string[]> {
  const filter = ['state', 'established', `( dport = :${SERVER_PORT} )`];
  const { stdout } = await lab.run(ns, ['ss', '-tinH', ...filter]);
  return readCongestion(stdout);
}

/** `bbr`, `4 × bbr`, `3 × bbr + cubic`. */
export function wiresInWords(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count === 1 ? name : `${count} × ${name}`)).join(' + ');
}

export interface KernelCongestion {
  /** What a new connection in a namespace gets that says nothing. */
  readonly default: string;
  /** What there is without loading a module. */
  readonly available: readonly string[];
  /** What a program without CAP_NET_ADMIN may ask for; one for all namespaces. Servers of a lab run with it. */
  readonly allowed: readonly string[];
}

/** A namespace has the default of the one it was made in; the other two are the whole kernel's. */
export async function kernelCongestion(lab: Lab, ns: string): Promise<KernelCongestion> {
  const { stdout } = await lab.run(ns, ['cat', '/proc/sys/net/ipv4/tcp_congestion_control']);
  const words = (name: string) =>
    readFileSync(`/proc/sys/net/ipv4/tcp_${name}_congestion_control`, 'utf8').trim().split(' ');
  return { default: stdout.trim(), available: words('available'), allowed: words('allowed') };
}
