/** One tunnel over one line, measured once. */
import { SECRET } from '../../lab/server.ts';
import { waitUntil } from '../../lab/wait.ts';
import { pingIdle, pingLoaded, type StreamKind, type Testbed, tcp } from '../probes.ts';
import type { Lengths } from '../round.ts';
import { stand, type Variant } from '../variants.ts';
import { congestionOfWires } from './congestion.ts';
import { type BenchLine, lengthOf } from './lines.ts';

/** All figures of one tunnel over one line in one round; rates in Mbit/s, times in µs. */
export interface WanSample {
  readonly oneThere: number;
  readonly oneBack: number;
  readonly fourThere: number;
  readonly fourBack: number;
  /** CPU seconds of both servers for each 10^9 bytes of one stream. */
  readonly cpuThere: number;
  readonly cpuBack: number;
  readonly idleMedian: number;
  readonly idleP99: number;
  readonly idleLost: number;
  /** Beside one stream that goes the way of the requests. */
  readonly besideMedian: number;
  readonly besideP99: number;
  readonly besideLost: number;
  /** Most that processes of others took of one core during the streams. */
  readonly foreign: number;
}

export interface WanMeasured {
  readonly sample: WanSample;
  /** The congestion control of each wire. */
  readonly wires: readonly string[];
}

/** The machine behind the tunnel is told nothing: it has Linux's own default. */
export const INNER_CONGESTION = 'cubic';

const ONE: StreamKind = { congestion: INNER_CONGESTION };
const FOUR: StreamKind = { congestion: INNER_CONGESTION, streams: 4 };
const WARM_UP_SECONDS = 2;
/** Apart enough that a thin line is not filled by them. */
const PING_INTERVAL_SECONDS = 0.02;
/** Until a stream has filled the queue of a line. */
const RUN_UP_SECONDS = 3;
/** Round trips (ms) from which on a server lays further wires by itself, with room above its 5 ms. */
const LONG_MS = 10;
const MORE_WIRES_DEADLINE_MS = 20_000;

/** Puts both up, measures, takes them down. `tell` hears what is being done. @throws Error when it does not work */
export async function measureOver(
  line: BenchLine,
  tunnel: Variant,
  lengths: Lengths,
  tell: (what: string) => void,
): Promise<WanMeasured> {
  tell('setting up');
  const testbed = await stand(tunnel, SECRET, line.conditions);
  try {
    tell('warming up');
    for (const back of [false, true]) await tcp(testbed, WARM_UP_SECONDS, back, ONE);
    if (lengthOf(line) >= LONG_MS) await waitForWires(testbed, tunnel.wires ?? 1);
    const sample = await all(testbed, lengths, tell);
    const wires = tunnel.scheme === undefined ? [] : await congestionOfWires(testbed.lab, testbed.near);
    return { sample, wires };
  } finally {
    testbed.lab.close();
  }
}

/** @throws DeadlineError when there are fewer */
async function waitForWires({ lab, near }: Testbed, wires: number): Promise<void> {
  if (wires === 1) return;
  await waitUntil(async () => (await congestionOfWires(lab, near)).length >= wires, {
    what: `${wires} wires`,
    deadline: MORE_WIRES_DEADLINE_MS,
    every: 200,
  });
}

async function all(
  testbed: Testbed,
  { seconds, pings }: Lengths,
  tell: (what: string) => void,
): Promise<WanSample> {
  const pinging = { count: pings, interval: PING_INTERVAL_SECONDS };
  tell('ping, idle');
  const idle = await pingIdle(testbed, pinging);
  tell('one stream →');
  const there = await tcp(testbed, seconds, false, ONE);
  tell('one stream ←');
  const back = await tcp(testbed, seconds, true, ONE);
  tell('four streams →');
  const fourThere = await tcp(testbed, seconds, false, FOUR);
  tell('four streams ←');
  const fourBack = await tcp(testbed, seconds, true, FOUR);
  tell('ping beside a stream');
  const beside = await pingLoaded(testbed, pinging, ONE, RUN_UP_SECONDS);
  return {
    oneThere: there.mbps,
    oneBack: back.mbps,
    fourThere: fourThere.mbps,
    fourBack: fourBack.mbps,
    cpuThere: there.cpuPerGb,
    cpuBack: back.cpuPerGb,
    idleMedian: idle.median,
    idleP99: idle.p99,
    idleLost: idle.lost,
    besideMedian: beside.median,
    besideP99: beside.p99,
    besideLost: beside.lost,
    foreign: Math.max(...[there, back, fourThere, fourBack].map(({ foreign }) => foreign)),
  };
}
