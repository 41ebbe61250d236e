/** A script: something that can happen to the actors of a server, from beginning to end, played in a world of memory. */
import type { Station, StationOptions } from '../../support/station.ts';
import type { Talker } from '../../support/talker.ts';
import type { MemoryWorld } from '../../support/world.ts';

export type Script = (world: MemoryWorld) => Promise<void>;

/** By name: lower-case words with hyphens, the names of golden files. */
export type Scripts = Readonly<Record<string, Script>>;

export const SECRET = 'secret-of-default';

/** A connection that was greeted and has said nothing. */
export async function stranger(
  station: Station,
  way: Parameters<Station['connect']>[0] = {},
): Promise<Talker> {
  const talker = await station.connect(way);
  await talker.answer();
  return talker;
}

/** One server alone, with an interface to give away. */
export async function alone(world: MemoryWorld, options: Partial<StationOptions> = {}): Promise<Station> {
  const station = world.station('north', options);
  station.devices.add({ name: 'vm0' });
  return station.start();
}

/** The connections between two stations that are not over break, at both ends. */
export async function breakWire(world: MemoryWorld, one: Station, other: Station): Promise<void> {
  for (const { wire } of world.internet.between(one.host, other.host)) wire.reset();
  await world.settle();
}

/** Every connection there is breaks, and both ends hear of it. */
export async function breakAll(world: MemoryWorld): Promise<void> {
  for (const { wire } of world.internet.connections) wire.reset();
  await world.settle();
}

/** The disk takes that long to sync: with sync mode `always`, effects wait for it. */
export function slowDisk(world: MemoryWorld, station: Station, ms: number): void {
  const { journal } = station;
  journal.sync = () =>
    new Promise((resolve) => {
      world.clock.after(ms, () => {
        journal.synced = journal.lines.length;
        resolve();
      });
    });
}
