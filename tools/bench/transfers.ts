/** Whether much data arrives whole, over each pair of backends and each way. */
import type { Lab } from '../lab/lab.ts';
import { SECRET } from '../lab/server.ts';
import { type Transfer, transfer } from '../lab/traffic.ts';
import { type Counters, damage, moved } from './checksums.ts';
import { type Pair, pairName } from './pairs.ts';
import { type Joined, standJoined } from './variants.ts';

/** One transfer. `→` is from the first of the pair to the second. */
export interface TransferResult {
  readonly pair: string;
  readonly way: '→' | '←';
  readonly bytes: number;
  /** At the receiver; undefined when it failed. */
  readonly seconds?: number;
  readonly sent?: string;
  readonly received?: string;
  /** Counters of damage that moved in either namespace, by how much. */
  readonly errors?: Counters;
  /** Why there is no result. */
  readonly failure?: string;
}

/** Slower than this (bytes a second) and a minute in all, and it is given up. */
const SLOWEST = 12_500_000;

/** Hears what is being done, and how many bytes of it have arrived. */
export type OnProgress = (what: string, bytes: number) => void;

/** Sends so many bytes each way between devices of these kinds. What fails is in the result: it does not throw. */
export async function transfers(pair: Pair, bytes: number, tell: OnProgress): Promise<TransferResult[]> {
  tell('setting up', 0);
  const name = pairName(pair);
  const ways = ['→', '←'] as const;
  let joined: Joined;
  try {
    joined = await standJoined(pair, SECRET);
  } catch (error) {
    return ways.map((way) => ({ pair: name, way, bytes, failure: (error as Error).message.trim() }));
  }
  try {
    const results: TransferResult[] = [];
    for (const way of ways)
      results.push({ pair: name, way, bytes, ...(await transferOne(joined, way, bytes, tell)) });
    return results;
  } finally {
    joined.lab.close();
  }
}

async function transferOne(
  { lab, near, far }: Joined,
  way: '→' | '←',
  bytes: number,
  tell: OnProgress,
): Promise<Partial<TransferResult>> {
  const [from, to] = way === '→' ? [near, far] : [far, near];
  try {
    const before = await damageIn(lab, [near.ns, far.ns]);
    const done = await transfer(lab, {
      from: from.ns,
      to: to.ns,
      address: to.overlay,
      bytes,
      deadline: 60_000 + (bytes / SLOWEST) * 1000,
      tell: (arrived) => tell(way, arrived),
    });
    return { ...figures(done), errors: moved(before, await damageIn(lab, [near.ns, far.ns])) };
  } catch (error) {
    return { failure: (error as Error).message.trim() };
  }
}

const figures = ({ sent, received }: Transfer): Partial<TransferResult> => ({
  bytes: received.bytes,
  seconds: received.seconds,
  sent: sent.sha256,
  received: received.sha256,
});

/** Counters of damage of each namespace, its name in front. */
async function damageIn(lab: Lab, namespaces: readonly string[]): Promise<Counters> {
  const all: Record<string, number> = {};
  for (const ns of namespaces) {
    const { stdout: snmp } = await lab.run(ns, ['cat', '/proc/net/snmp']);
    const { stdout: snmp6 } = await lab.run(ns, ['sh', '-c', 'cat /proc/net/snmp6 2>/dev/null || :']);
    for (const [name, value] of Object.entries(damage(snmp, snmp6))) all[`${ns} ${name}`] = value;
  }
  return all;
}

/** Whether every byte arrived as it was sent, without any damage on the way. */
export function isWhole({ sent, received, errors }: TransferResult): boolean {
  return sent !== undefined && sent === received && Object.keys(errors ?? {}).length === 0;
}
