/** One variant, measured once. */
import { SECRET } from '../lab/server.ts';
import { flood, pingIdle, pingLoaded, type Testbed, tcp } from './probes.ts';
import { memory } from './processes.ts';
import { stand, type Variant } from './variants.ts';

/** All figures of one variant in one round; rates in Mbit/s and frames a second, times in µs, memory in bytes. */
export interface Sample {
  readonly tcpThere: number;
  readonly tcpBack: number;
  readonly cpuThere: number;
  readonly cpuBack: number;
  readonly udpOut: number;
  readonly udpCpuMicros: number;
  readonly pingMedian: number;
  readonly pingP99: number;
  readonly loadedMedian: number;
  readonly loadedP99: number;
  readonly loadedLost: number;
  /** Peak resident memory of both servers and their children. */
  readonly rss: number;
  /** Most that processes of others took of one core during the TCP streams. */
  readonly foreign: number;
}

export type Figure = keyof Sample;

export interface Lengths {
  /** Seconds of each TCP stream and of the flood. */
  readonly seconds: number;
  readonly pings: number;
}

const WARM_UP_SECONDS = 1;

/** Puts the variant up, measures, takes it down. `tell` hears what is being done. @throws Error when it does not work */
export async function measure(
  variant: Variant,
  lengths: Lengths,
  tell: (what: string) => void,
): Promise<Sample> {
  tell('setting up');
  const testbed = await stand(variant, SECRET);
  try {
    return await all(testbed, lengths, tell);
  } finally {
    testbed.lab.close();
  }
}

async function all(
  testbed: Testbed,
  { seconds, pings }: Lengths,
  tell: (what: string) => void,
): Promise<Sample> {
  // A server runs for months: what its first second costs, when Node compiles, says nothing.
  tell('warming up');
  for (const back of [false, true]) await tcp(testbed, WARM_UP_SECONDS, back);
  tell('ping, idle');
  const idle = await pingIdle(testbed, { count: pings });
  tell('TCP →');
  const there = await tcp(testbed, seconds, false);
  tell('TCP ←');
  const back = await tcp(testbed, seconds, true);
  tell('UDP');
  const udp = await flood(testbed, seconds);
  tell('ping under a TCP stream');
  const loaded = await pingLoaded(testbed, { count: pings });
  return {
    tcpThere: there.mbps,
    tcpBack: back.mbps,
    cpuThere: there.cpuPerGb,
    cpuBack: back.cpuPerGb,
    udpOut: udp.out,
    udpCpuMicros: udp.cpuMicros,
    pingMedian: idle.median,
    pingP99: idle.p99,
    loadedMedian: loaded.median,
    loadedP99: loaded.p99,
    loadedLost: loaded.lost,
    rss: memory(testbed.pids, 'VmHWM'),
    foreign: Math.max(there.foreign, back.foreign),
  };
}
