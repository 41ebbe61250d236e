/** The scripts of a Handler at the server that got BEGIN (PROTOCOL.md section 4). */
import { DeviceError } from '../../../io/ports.ts';
import type { ByeReason } from '../../../machines/handler/events.ts';
import { beginLine, ID } from '../../support/pair.ts';
import type { Station } from '../../support/station.ts';
import type { Talker } from '../../support/talker.ts';
import type { MemoryWorld } from '../../support/world.ts';
import { breakAll, type Script, type Scripts } from './script.ts';

const OTHER_ID = 'ffeeddccbbaa99887766554433221100';

interface Begun {
  readonly world: MemoryWorld;
  readonly proxy: Station;
  /** Another server, as far as `proxy` can tell. */
  readonly far: Talker;
}

/** A server alone, and a connection to it that has said HELLO. */
async function known(world: MemoryWorld): Promise<Begun> {
  const proxy = world.station('proxy', {
    passwords: { default: 'secret-of-proxy', other: 'secret-of-other' },
  });
  for (const name of ['lan0', 'lan1']) proxy.devices.add({ name });
  await proxy.start();
  return { world, proxy, far: await proxy.client() };
}

/** BEGIN was taken; with a PING over the wire when it is `heard`. */
function begun(act: (begun: Begun) => Promise<void>, heard = true): Script {
  return async (world) => {
    const made = await known(world);
    await made.far.ask(beginLine());
    if (heard) made.far.ping();
    await world.settle();
    await act(made);
    await world.elapse(5_000);
  };
}

/** BEGIN is under way: the device takes its time to open. */
function beginning(act: (begun: Begun) => Promise<void>): Script {
  return async (world) => {
    const made = await known(world);
    made.proxy.devices.delay = 500;
    made.far.say(beginLine());
    await world.elapse(100);
    await act(made);
    await world.elapse(5_000);
  };
}

const bye = (reason: ByeReason) =>
  begun(async ({ far }) => {
    far.sayBye(reason);
    far.end();
  });

const lose = async ({ far, world }: Begun): Promise<void> => {
  far.link.destroy();
  await world.elapse(1_000);
};

export const RESPONDERS: Scripts = {
  'responder-carries': begun(async ({ world, far }) => {
    for (let round = 0; round < 3; round++) {
      await world.elapse(5_000);
      far.ping();
    }
  }),
  'responder-refuses': async (world) => {
    const { far, proxy } = await known(world);
    await far.ask(beginLine({ local: 'nothing0' }));
    await far.ask(beginLine({ roles: 'HOST HOST' }));
    await far.ask(beginLine({ options: 'mtu=1500' }));
    await far.ask(beginLine());
    await (await proxy.client('other')).ask(beginLine());
    await (await proxy.client()).ask(beginLine({ local: 'lan1' }));
    await (await proxy.client()).ask(beginLine({ id: OTHER_ID }));
  },
  'responder-device-fails': async (world) => {
    const { far, proxy } = await known(world);
    proxy.devices.fault = new DeviceError('device-busy', 'somebody else has it');
    await far.ask(beginLine(), 1_000);
    await world.elapse(1_000);
  },
  'responder-early-bytes': beginning(async ({ far }) => far.say('HELP?')),
  'responder-client-ends-early': beginning(async ({ far }) => far.end()),
  'responder-client-lost-early': beginning(async ({ far }) => far.link.destroy()),
  'responder-connection-reset-early': beginning(async ({ world }) => breakAll(world)),
  'responder-begun-twice-at-once': beginning(async ({ proxy, world }) => {
    const again = await proxy.client();
    again.say(beginLine());
    await world.elapse(1_000);
    again.ping();
  }),
  'responder-closed-early': beginning(async ({ proxy }) => {
    await (await proxy.client()).ask(`CLOSE ${ID}`, 5_000);
  }),
  'responder-shutdown-early': beginning(async ({ proxy, world }) => {
    await proxy.stop();
    await world.elapse(1_000);
    await proxy.start();
  }),
  'responder-crash-early': beginning(async ({ proxy }) => proxy.restart()),
  'responder-replaced': begun(async ({ proxy, world }) => {
    const again = await proxy.client();
    await again.ask(beginLine());
    again.ping();
    await world.elapse(4_000);
  }),
  'responder-waits-and-is-found': begun(async (made) => {
    await lose(made);
    const again = await made.proxy.client();
    await again.ask(beginLine());
    again.ping();
  }),
  'responder-waits-in-vain': begun(async (made) => {
    await lose(made);
    await made.world.elapse(60_000);
  }),
  'responder-falls-silent': begun(async ({ world }) => world.elapse(20_000)),
  'responder-yields': begun(async (made) => {
    await lose(made);
    const next = await made.proxy.client();
    await next.ask(beginLine({ id: OTHER_ID }));
    next.ping();
  }),
  'responder-lost-before-a-record': begun(lose, false),
  'responder-bye-before-a-record': begun(async ({ far }) => {
    far.sayBye('shutting-down');
    far.end();
  }, false),
  'responder-protocol-error': begun(async ({ far }) => far.record(0x7f, Buffer.from('no such type'))),
  'responder-bye-closed': bye('closed'),
  'responder-bye-device-gone': bye('device-gone'),
  'responder-bye-protocol-error': bye('protocol-error'),
  'responder-bye-shutting-down': bye('shutting-down'),
  'responder-bye-replaced': bye('replaced'),
  'responder-closed': begun(async ({ proxy }) => {
    const client = await proxy.client();
    await client.ask(`CLOSE ${ID}`, 5_000);
    await client.ask(beginLine());
  }),
  'responder-closed-while-waiting': begun(async (made) => {
    await lose(made);
    const client = await made.proxy.client();
    await client.ask(`CLOSE ${ID}`, 5_000);
    await made.proxy.restart();
    await (await made.proxy.client()).ask(beginLine());
  }),
  'responder-device-gone': begun(async ({ proxy }) => proxy.devices.delete('lan0')),
  'responder-device-gone-while-waiting': begun(async (made) => {
    await lose(made);
    made.proxy.devices.delete('lan0');
  }),
  'responder-device-away-and-back': begun(async ({ proxy, world }) => {
    proxy.devices.delete('lan0');
    await world.elapse(3_000);
    const again = await proxy.client();
    await again.ask(beginLine());
    proxy.devices.add({ name: 'lan0' });
    await world.elapse(3_000);
    await again.ask(beginLine());
    again.ping();
  }),
  'responder-device-away-in-vain': begun(async ({ proxy, world }) => {
    proxy.devices.delete('lan0');
    await world.elapse(620_000);
  }),
  'responder-device-away-while-waiting': begun(async (made) => {
    const { proxy, world } = made;
    await lose(made);
    proxy.devices.delete('lan0');
    await world.elapse(3_000);
    proxy.devices.add({ name: 'lan0' });
    await world.elapse(70_000);
  }),
  'responder-device-away-and-begun-while-it-opens': begun(async ({ proxy, world }) => {
    proxy.devices.delete('lan0');
    await world.elapse(3_000);
    proxy.devices.delay = 500;
    proxy.devices.add({ name: 'lan0' });
    await world.elapse(100);
    const again = await proxy.client();
    again.say(beginLine());
    await world.elapse(2_000);
    again.ping();
  }),
  'responder-device-away-and-not-opened-again': begun(async ({ proxy, world }) => {
    proxy.devices.delete('lan0');
    await world.elapse(3_000);
    proxy.devices.fault = new DeviceError('device-busy', 'somebody else has it');
    proxy.devices.delay = 300;
    proxy.devices.add({ name: 'lan0' });
    await world.elapse(1_000);
    const again = await proxy.client();
    await again.ask(beginLine(), 2_000);
    again.say(beginLine());
    await world.elapse(100);
    again.link.destroy();
    await world.elapse(5_000);
    proxy.devices.fault = undefined;
    await world.elapse(20_000);
    const last = await proxy.client();
    await last.ask(beginLine());
    last.ping();
  }),
  'responder-device-away-and-back-in-vain': begun(async ({ proxy, world }) => {
    proxy.devices.delete('lan0');
    await world.elapse(3_000);
    proxy.devices.delay = 500;
    proxy.devices.add({ name: 'lan0' });
    const again = await proxy.client();
    again.say(beginLine());
    await world.elapse(100);
    await breakAll(world);
    await world.elapse(70_000);
  }),
  'responder-device-away-and-closed': begun(async ({ proxy, world }) => {
    proxy.devices.delete('lan0');
    await world.elapse(3_000);
    await (await proxy.client()).ask(`CLOSE ${ID}`, 5_000);
    proxy.devices.add({ name: 'lan0' });
  }),
  'responder-device-away-and-crash': begun(async ({ proxy, world }) => {
    proxy.devices.delete('lan0');
    await world.elapse(3_000);
    await proxy.restart();
  }),
  'responder-mtu-changes': begun(async ({ proxy, far, world }) => {
    far.record(0x80, Buffer.from('mtu=1400'));
    await world.elapse(2_000);
    proxy.devices.setMtu({ ifname: 'lan0' }, 1300);
    await world.elapse(2_000);
  }),
  'responder-mtu-changes-and-the-wire-ends': begun(async ({ proxy, world }) => {
    proxy.devices.setMtu({ ifname: 'lan0' }, 1300);
    await world.elapse(2_000);
    proxy.devices.setMtu({ ifname: 'lan0' }, 1200);
    await world.elapse(2_000);
    const again = await proxy.client();
    await again.ask(beginLine());
    again.ping();
  }),
  'responder-crash': begun(async ({ proxy }) => proxy.restart()),
  'responder-crash-while-waiting': begun(async (made) => {
    await lose(made);
    await made.proxy.restart();
  }),
  'responder-shutdown': begun(async ({ proxy, world }) => {
    await proxy.stop();
    await world.elapse(1_000);
    await proxy.start();
  }),
  'responder-shutdown-while-waiting': begun(async (made) => {
    await lose(made);
    await made.proxy.stop();
    await made.proxy.start();
  }),
};
