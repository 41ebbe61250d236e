/**
 * Least relays in the place of the two servers: what the kernel leaves to any program that carries frames between a TAP
 * and a TCP connection (relay.cc), and what Node leaves to one in it (bare.ts).
 */
import { projectFile } from '../../io/project.ts';
import { compiled } from '../lab/compile.ts';
import type { Lab } from '../lab/lab.ts';

/** `node`: bare.ts; else relay.cc with so many threads. */
export type Relay = 1 | 2 | 'node';

const SOURCE = projectFile('tools/bench/relay.cc');
const RECORDS = projectFile('io/device/native');
const BARE = projectFile('dist/tools/bench/bare.js');
const PORT = '7412';

export interface RelayEnds {
  /** Where `tap0` is and who connects. */
  readonly near: string;
  /** Where `tap0` is and who listens, on `address`. */
  readonly far: string;
  readonly address: string;
}

/** Starts both ends. @returns their pids @throws CommandError when one has to be compiled and there is no compiler */
export async function startRelay(lab: Lab, ends: RelayEnds, relay: Relay): Promise<number[]> {
  const program = relay === 'node' ? [process.execPath, BARE] : [await compiled(SOURCE, [`-I${RECORDS}`])];
  const words = [ends.address, PORT, ...(relay === 'node' ? [] : [String(relay)])];
  const listener = lab.spawn(ends.far, [...program, 'listen', ...words]);
  await listener.waitFor(/^READY$/m);
  const dialler = lab.spawn(ends.near, [...program, 'connect', ...words]);
  await Promise.all([listener, dialler].map((each) => each.waitFor(/^UP$/m)));
  for (const ns of [ends.near, ends.far]) await lab.ip(ns, 'link set dev tap0 up');
  return [dialler.pid ?? 0, listener.pid ?? 0];
}
