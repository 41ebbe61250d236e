/** What a server has on record of itself, and what the journal writes on its own behalf (section 7). */
import type { Station } from '../../support/station.ts';
import type { MemoryWorld } from '../../support/world.ts';
import { alone, type Scripts, stranger } from './script.ts';

/** The disk is full for a while; sessions come and go. */
async function fullDisk(world: MemoryWorld, station: Station, sessions: number): Promise<void> {
  station.expectedErrors.push('the log cannot be written; HANDLE, BEGIN and CLOSE are refused');
  station.journal.appendFault = new Error('ENOSPC: no space left on device, write');
  for (let count = 0; count < sessions; count++) {
    (await stranger(station)).end();
    await world.elapse(200);
  }
  station.journal.appendFault = undefined;
  await world.elapse(2_000);
}

export const SERVERS: Scripts = {
  'server-starts-and-stops': async (world) => {
    const station = await alone(world);
    await station.stop();
    await world.elapse(60_000);
    await station.start();
    await station.restart({ tornBytes: 17 });
  },
  'server-reads-again': async (world) => {
    const station = await alone(world);
    station.server.record({ type: 'reloaded', files: ['passwords', 'peers.json'] });
    station.server.record({ type: 'reload-refused', why: 'peers.json: it is no JSON' });
  },
  'server-remembers-closed-handlers': async (world) => {
    const station = await alone(world);
    for (const handler of ['aa', 'bb', 'aa']) station.server.rememberClosed(handler.repeat(16));
    await world.elapse(24 * 3600 * 1000 + 1);
    station.server.rememberClosed('cc'.repeat(16));
    await station.restart();
  },
  'log-checkpoints': async (world) => {
    const station = await alone(world, { recorder: { segmentBytes: 6_000 } });
    const client = await station.client();
    for (let count = 0; count < 40; count++) {
      await client.ask('STATUS?');
      await world.elapse(100);
    }
    await station.restart();
  },
  'log-begins-with-a-checkpoint': async (world) => {
    const station = await alone(world, { recorder: { segmentBytes: 4_000 } });
    const client = await station.client();
    for (let count = 0; count < 30; count++) {
      await client.ask('DEVICES?');
      await world.elapse(100);
    }
    station.journal.keep = 1;
    station.journal.retain();
    await station.restart();
  },
  'log-full-disk': async (world) => fullDisk(world, await alone(world), 3),
  'log-full-disk-too-long': async (world) => {
    await fullDisk(world, await alone(world, { recorder: { heldRecords: 8 } }), 6);
  },
  'log-flood-of-strangers': async (world) => {
    const station = await alone(world);
    for (let count = 0; count < 60; count++) (await stranger(station)).end();
    await world.elapse(2_000);
    const late = await Promise.all(Array.from({ length: 3 }, () => stranger(station)));
    for (const talker of late) await talker.ask('HELLO password secret-of-default', 5_000);
  },
};
