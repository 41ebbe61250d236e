/** The scripts of Handlers with several wires (PROTOCOL.md section 6.1), at both ends and in their sessions. */
import { beginLine, handle, ID, pair } from '../../support/pair.ts';
import type { Station } from '../../support/station.ts';
import type { Talker } from '../../support/talker.ts';
import type { MemoryWorld } from '../../support/world.ts';
import type { Script, Scripts } from './script.ts';

interface Spread {
  readonly world: MemoryWorld;
  readonly host: Station;
  readonly proxy: Station;
  readonly client: Talker;
  readonly id: string;
}

/** A Handler over a way of 20 ms, with four wires. */
function spread(act: (spread: Spread) => Promise<void>): Script {
  return async (world) => {
    const { host, proxy, client } = await pair(world);
    world.internet.latency = 20;
    const id = await handle(client);
    await world.elapse(1_000);
    await act({ world, host, proxy, client, id });
    await world.elapse(5_000);
  };
}

/** A server that was told BEGIN with several wires, by a talker in a test's hands. */
function granted(act: (world: MemoryWorld, proxy: Station, first: Talker) => Promise<void>): Script {
  return async (world) => {
    const { proxy } = await pair(world);
    const first = await proxy.client();
    await first.ask(beginLine({ options: 'offload=on mtu=1500 wires=3' }));
    first.ping();
    await world.settle();
    await act(world, proxy, first);
    await world.elapse(5_000);
  };
}

const cut = (world: MemoryWorld, number: number): void =>
  world.internet.connections
    .filter(({ url }) => url === 'tcp://proxy:7411')
    .at(number)
    ?.wire.reset();

export const WIRES: Scripts = {
  'wires-break-and-come-back': spread(async ({ world }) => {
    for (const number of [2, 0, 1]) {
      cut(world, number);
      await world.elapse(3_000);
    }
  }),
  'wires-all-break': spread(async ({ world }) => {
    for (const number of [0, 1, 2, 3]) cut(world, number);
    await world.elapse(3_000);
  }),
  'wires-closed': spread(async ({ client, id }) => {
    await client.ask(`CLOSE ${id}`, 5_000);
  }),
  'wires-other-server-away': spread(async ({ world, proxy }) => {
    proxy.host.refuses = true;
    cut(world, 1);
    await world.elapse(4_000);
    proxy.host.refuses = false;
    await world.elapse(6_000);
  }),
  'wires-restart-of-the-initiator': spread(async ({ host, world }) => {
    host.crash();
    await host.start();
    await world.elapse(3_000);
  }),
  'wires-clean-stop': spread(async ({ host }) => {
    await host.stop();
  }),
  'wires-replaced-by-an-impostor': spread(async ({ world, proxy, id }) => {
    for (const line of [`JOIN ${id} 2`, beginLine({ id, options: 'offload=on mtu=1500 wires=4' })]) {
      const talker = await proxy.client();
      await talker.ask(line, 1_000);
      await world.elapse(3_000);
      talker.link.destroy();
      await world.elapse(3_000);
    }
  }),
  'wires-refused-for-good': spread(async ({ world, proxy, id }) => {
    // The other end closes it, and its BYEs do not arrive before wire 0 is dialled again.
    const boss = await proxy.client();
    const ours = world.internet.connections.filter(({ url }) => url === 'tcp://proxy:7411').slice(0, 4);
    for (const { wire } of ours.slice(1)) wire.cut();
    ours[0]?.wire.reset();
    boss.say(`CLOSE ${id}`);
    await world.elapse(5_000);
  }),
  'wires-joined-and-lost': granted(async (world, proxy, first) => {
    const second = await proxy.client();
    await second.ask(`JOIN ${ID} 1`);
    second.ping();
    await world.settle();
    const third = await proxy.client();
    await third.ask(`JOIN ${ID} 1`);
    await world.elapse(4_000);
    first.link.destroy();
    await world.settle();
    third.sayBye('replaced');
    third.end();
    await world.elapse(2_000);
  }),
  'wires-one-says-replaced': granted(async (world, proxy, first) => {
    const second = await proxy.client();
    await second.ask(`JOIN ${ID} 2`);
    await world.settle();
    second.sayBye('replaced');
    second.end();
    await world.elapse(2_000);
    first.sayBye('closed');
    first.end();
  }),
  'wires-begin-again-while-others-stand': granted(async (world, proxy) => {
    const second = await proxy.client();
    await second.ask(`JOIN ${ID} 1`);
    const again = await proxy.client();
    await again.ask(beginLine({ options: 'offload=on mtu=1500 wires=2' }), 1_000);
    again.ping();
    await world.elapse(2_000);
  }),
  'wires-join-refused': granted(async (_, proxy) => {
    for (const line of [`JOIN ${ID} 5`, `JOIN ${'0'.repeat(32)} 1`, `JOIN ${ID} 9`]) {
      await (await proxy.client()).ask(line);
    }
    await (await proxy.client('other')).ask(`JOIN ${ID} 1`);
    const stranger = await proxy.connect();
    await stranger.answer();
    await stranger.ask(`JOIN ${ID} 1`);
  }),
};
