/** The single measurements, by iperf3 and ping from one namespace to another. */
import type { Lab } from '../lab/lab.ts';
import type { Program } from '../lab/program.ts';
import { pause } from '../lab/wait.ts';
import { cpuBetween, cpuTime } from './processes.ts';
import { quantile } from './statistics.ts';

/** Where to measure: from interface `dev` in namespace `near` to the same in `far`, whose address is given. */
export interface Testbed {
  readonly lab: Lab;
  readonly near: string;
  readonly far: string;
  readonly address: string;
  readonly dev: string;
  /** Processes whose CPU time is counted, with their descendants. */
  readonly pids: readonly number[];
}

export interface TcpResult {
  readonly mbps: number;
  /** CPU seconds of the processes for each 10^9 bytes received. */
  readonly cpuPerGb: number;
  /** Share of one core that processes of others took meanwhile. */
  readonly foreign: number;
}

export interface FloodResult {
  /** Frames a second that came out of the far interface. */
  readonly out: number;
  /** CPU microseconds of the processes for each of them. */
  readonly cpuMicros: number;
}

export interface PingTimes {
  /** Microseconds. */
  readonly median: number;
  readonly p99: number;
  /** Requests without a reply. */
  readonly lost: number;
}

/** What kind of TCP stream. */
export interface StreamKind {
  /** Connections side by side; 1 when left out. */
  readonly streams?: number;
  /** Congestion control of the sender; that of its namespace when left out. */
  readonly congestion?: string;
}

export interface PingKind {
  readonly count: number;
  /** Seconds between requests; 0.002 when left out. */
  readonly interval?: number;
}

const PORT = '5201';
/** Seconds in which a TCP stream under ping on a way without a length, or a flood, gets going. */
const RUN_UP = 0.5;

async function iperfServer({ lab, far }: Testbed): Promise<Program> {
  const server = lab.spawn(far, ['iperf3', '-s', '-1', '--forceflush', '-p', PORT]);
  await server.waitFor(/Server listening/);
  return server;
}

/**
 * Mbit/s and bytes at the receiver, and the sender's congestion control, from what `iperf3 -J` says of TCP streams.
 * @throws Error with iperf3's own
 */
export function readIperf(json: string): { mbps: number; bytes: number; congestion: string | undefined } {
  const said = JSON.parse(json) as {
    error?: string;
    end?: {
      sum_received?: { bits_per_second: number; bytes: number };
      sender_tcp_congestion?: string;
    };
  };
  const received = said.end?.sum_received;
  if (received === undefined) throw new Error(`iperf3: ${said.error ?? 'no result'}`);
  return {
    mbps: received.bits_per_second / 1e6,
    bytes: received.bytes,
    congestion: said.end?.sender_tcp_congestion,
  };
}

/**
 * TCP for so many seconds; `back`: from far to near.
 * @throws Error when iperf3 fails, or the sender did not have the congestion control that was asked for
 */
export async function tcp(
  testbed: Testbed,
  seconds: number,
  back: boolean,
  kind: StreamKind = {},
): Promise<TcpResult> {
  const server = await iperfServer(testbed);
  try {
    const before = cpuTime(testbed.pids);
    const began = performance.now();
    const { stdout } = await testbed.lab.run(testbed.near, stream(testbed, seconds, back, kind), {
      timeout: (seconds + 30) * 1000,
      anyStatus: true,
    });
    const took = (performance.now() - began) / 1000;
    const { own, foreign } = cpuBetween(before, cpuTime(testbed.pids));
    const { mbps, bytes, congestion } = readIperf(stdout);
    if (kind.congestion !== undefined && congestion !== kind.congestion) {
      throw new Error(`the sender has ${congestion}, not ${kind.congestion}`);
    }
    return { mbps, cpuPerGb: own / (bytes / 1e9), foreign: foreign / took };
  } finally {
    await server.kill();
  }
}

function stream({ address }: Testbed, seconds: number, back: boolean, kind: StreamKind): string[] {
  const { streams, congestion } = kind;
  return [
    ...['iperf3', '-c', address, '-p', PORT, '-t', String(seconds), '-J'],
    ...(streams === undefined ? [] : ['-P', String(streams)]),
    ...(congestion === undefined ? [] : ['-C', congestion]),
    ...(back ? ['-R'] : []),
  ];
}

/** As many UDP datagrams of 64 bytes as one sender makes; what comes out of the far interface is counted. */
export async function flood(testbed: Testbed, seconds: number): Promise<FloodResult> {
  const { lab, near, far, dev, address } = testbed;
  const server = await iperfServer(testbed);
  const length = String(Math.ceil(seconds + 2 * RUN_UP));
  const options = ['-u', '-b', '0', '-l', '64', '-t', length, '-J'];
  const sender = lab.spawn(near, ['iperf3', '-c', address, '-p', PORT, ...options]);
  try {
    await pause(RUN_UP * 1000);
    const before = cpuTime(testbed.pids);
    const first = await lab.counter(far, dev, 'rx_packets');
    const began = performance.now();
    await pause(seconds * 1000);
    const last = await lab.counter(far, dev, 'rx_packets');
    const took = (performance.now() - began) / 1000;
    const { own } = cpuBetween(before, cpuTime(testbed.pids));
    if (!sender.running) throw new Error(`the flood ended early: ${sender.tail()}`);
    return { out: (last - first) / took, cpuMicros: (own * 1e6) / Math.max(1, last - first) };
  } finally {
    await sender.kill();
    await server.kill();
  }
}

/** Round trips in microseconds, from what `ping` prints. */
export function readPing(output: string): number[] {
  return [...output.matchAll(/ time=([\d.]+) ms/g)].map((match) => Number(match[1]) * 1000);
}

async function ping({ lab, near, address }: Testbed, kind: PingKind): Promise<PingTimes> {
  const { count, interval = 0.002 } = kind;
  const command = ['ping', '-n', '-c', String(count), '-i', String(interval), '-W', '2', address];
  const { stdout, stderr } = await lab.run(near, command, { anyStatus: true, timeout: 60_000 });
  const times = readPing(stdout);
  const [middle, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
  if (middle === undefined || p99 === undefined) throw new Error(`no reply to ping: ${stderr}${stdout}`);
  return { median: middle, p99, lost: count - times.length };
}

/** Round trips with nothing else on the way. */
export function pingIdle(testbed: Testbed, kind: PingKind): Promise<PingTimes> {
  return ping(testbed, kind);
}

/** Round trips while one TCP stream goes the same way as the requests, `runUp` seconds after its beginning. */
export async function pingLoaded(
  testbed: Testbed,
  kind: PingKind,
  streamKind: StreamKind = {},
  runUp = RUN_UP,
): Promise<PingTimes> {
  const server = await iperfServer(testbed);
  const enough = 60;
  const sender = testbed.lab.spawn(testbed.near, stream(testbed, enough, false, streamKind));
  try {
    await pause(runUp * 1000);
    const times = await ping(testbed, kind);
    if (!sender.running) throw new Error(`the stream ended early: ${sender.tail()}`);
    return times;
  } finally {
    await sender.kill();
    await server.kill();
  }
}
