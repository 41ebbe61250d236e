/** The scripts of a Handler at the server that got HANDLE (PROTOCOL.md section 4). */
import { DeviceError } from '../../../io/ports.ts';
import type { ByeReason } from '../../../machines/handler/events.ts';
import { handle, handleLine, MAC2, type Pair, pair } from '../../support/pair.ts';
import type { Talker } from '../../support/talker.ts';
import type { MemoryWorld } from '../../support/world.ts';
import { breakWire, type Script, type Scripts, slowDisk } from './script.ts';

/** A Handler that stands, between `vm0` and `lan0`. */
async function standing(
  world: MemoryWorld,
  change: Parameters<typeof handleLine>[0] = {},
): Promise<Pair & { readonly id: string }> {
  const made = await pair(world);
  return { ...made, id: await handle(made.client, change) };
}

/** HANDLE to a server that answers each line by what it is given, in order; `undefined`: not at all. */
function dialled(...answers: readonly (string | undefined)[]): Script {
  return async (world) => {
    const { client } = await pair(world);
    await world.impostor('odd', (talker) => {
      const left = [...answers];
      const answer = () => {
        const line = left.shift();
        if (line !== undefined) talker.say(line);
      };
      talker.heardLine = answer;
      answer();
    });
    await client.ask(handleLine({ remote: 'tcp://odd:7411' }), 20_000);
  };
}

const GREETING = 'OK VNET/1 server=odd auth=password';

/** A Handler that stands, to a far end in the hands of the test, which does something once it is a wire. */
function wired(act: (talker: Talker, world: MemoryWorld) => Promise<void>): Script {
  return async (world) => {
    const { client } = await pair(world);
    let wire: Talker | undefined;
    await world.impostor('odd', (talker) => {
      talker.say(GREETING);
      talker.heardLine = (line) => {
        if (!line.startsWith('BEGIN')) return talker.say('OK session=0 identity=default');
        talker.heardLine = undefined;
        wire = talker;
        talker.say(`OK handler=${line.split(' ')[1]} offload=on mtu=1500`);
      };
    });
    await handle(client, { remote: 'tcp://odd:7411' });
    if (wire !== undefined) await act(wire, world);
    await world.elapse(5_000);
  };
}

const bye = (reason: ByeReason) =>
  wired(async (talker) => {
    talker.ping();
    talker.sayBye(reason);
    talker.end();
  });

/** HANDLE is under way, and waits for the far end's device. */
function beginning(act: (made: Pair, world: MemoryWorld) => Promise<void>): Script {
  return async (world) => {
    const made = await pair(world);
    made.proxy.devices.delay = 2_000;
    made.client.say(handleLine());
    await world.elapse(500);
    await act(made, world);
    await world.elapse(5_000);
  };
}

/** HELLO was taken, and the disk is slow: BEGIN is not out yet. */
function authenticated(act: (made: Pair, world: MemoryWorld) => Promise<void>, again = false): Script {
  return async (world) => {
    const made = await pair(world, { host: { recorder: { sync: 'always' } } });
    if (again) await handle(made.client);
    else made.client.say(handleLine());
    slowDisk(world, made.host, 400);
    if (again) await breakWire(world, made.host, made.proxy);
    const { host } = made;
    await world.until(
      () => host.server.handlers.all().some(({ state }) => state === 'authenticated'),
      10_000,
      () => 'a Handler that has said HELLO',
    );
    await act(made, world);
    await world.elapse(30_000);
    host.journal.sync = async () => undefined;
  };
}

/** HELLO was taken, and the disk takes longer for that than HANDLE may take. */
function stuck(again: boolean): Script {
  return async (world) => {
    const { client, host, proxy } = await pair(world, { host: { recorder: { sync: 'always' } } });
    if (again) await handle(client);
    const said = () => host.server.handlers.all().some(({ state }) => state === 'authenticated');
    host.journal.sync = () =>
      new Promise((resolve) => void world.clock.after(said() ? 16_000 : 0, () => resolve()));
    if (again) await breakWire(world, host, proxy);
    else client.say(handleLine());
    await world.elapse(40_000);
    host.journal.sync = async () => undefined;
    await world.elapse(20_000);
  };
}

async function closeAll({ host }: Pair): Promise<void> {
  for (const handler of host.server.handlers.all()) handler.close('none');
}

export const INITIATORS: Scripts = {
  'initiator-closed-while-beginning': beginning(async ({ host }) => {
    const client = await host.client();
    for (const { context } of host.server.handlers.all()) await client.ask(`CLOSE ${context.id}`, 5_000);
  }),
  'initiator-device-gone-while-beginning': beginning(async ({ host }) => host.devices.delete('vm0')),
  'initiator-shutdown-while-beginning': beginning(async ({ host }) => {
    await host.stop();
    await host.start();
  }),
  'initiator-refused-while-beginning-again': async (world) => {
    const { host, proxy } = await standing(world);
    proxy.devices.delay = 2_000;
    await proxy.restart();
    await world.elapse(1_500);
    await breakWire(world, host, proxy);
    await world.elapse(20_000);
  },
  'initiator-device-gone-while-dialling': async (world) => {
    const { client, host, proxy } = await pair(world);
    world.internet.cut(host.host, proxy.host);
    client.say(handleLine());
    await world.elapse(500);
    host.devices.delete('vm0');
    await client.answer(5_000);
  },
  'initiator-slow-disk-wire-breaks': authenticated(({ host, proxy }, world) => breakWire(world, host, proxy)),
  'initiator-slow-disk-wire-breaks-again': authenticated(
    ({ host, proxy }, world) => breakWire(world, host, proxy),
    true,
  ),
  'initiator-slow-disk-closed': authenticated(closeAll),
  'initiator-slow-disk-device-gone': authenticated(async ({ host }) => host.devices.delete('vm0')),
  'initiator-slow-disk-crash': authenticated(({ host }) => host.restart()),
  'initiator-slow-disk-shutdown': authenticated(async ({ host }) => {
    await host.stop();
    await host.start();
  }),
  'initiator-very-slow-disk': stuck(false),
  'initiator-very-slow-disk-again': stuck(true),
  'initiator-closed-here': async (world) => {
    const { client, id } = await standing(world);
    await client.ask(`CLOSE ${id}`, 5_000);
  },
  'initiator-closed-there': async (world) => {
    const { proxy, id } = await standing(world);
    await (await proxy.client()).ask(`CLOSE ${id}`, 5_000);
    await world.elapse(1_000);
  },
  'initiator-unreachable': async (world) => {
    const { client, proxy } = await pair(world);
    proxy.host.refuses = true;
    await client.ask(handleLine(), 20_000);
  },
  'initiator-timeout': async (world) => {
    const { client, host, proxy } = await pair(world);
    world.internet.cut(host.host, proxy.host);
    await client.ask(handleLine(), 20_000);
  },
  'initiator-refused': async (world) => {
    const { client } = await pair(world);
    await client.ask(handleLine({ auth: 'password:wrong' }), 20_000);
    await client.ask(handleLine({ far: 'nothing0' }), 20_000);
    await client.ask(handleLine({ auth: 'cert' }), 20_000);
    await client.ask(handleLine({ remote: 'peer:nobody', auth: '-' }), 20_000);
    await client.ask(handleLine({ local: 'nothing0' }), 20_000);
    await client.ask(handleLine({ roles: 'HOST HOST' }), 20_000);
  },
  'initiator-odd-greeting': dialled('HTTP/1.1 400 Bad Request'),
  'initiator-refused-greeting': dialled('ERR 429 too-many-sessions no'),
  'initiator-hello-unanswered': dialled(GREETING),
  'initiator-begin-unanswered': dialled(GREETING, 'OK session=0 identity=default'),
  'initiator-begin-gone': dialled(GREETING, 'OK session=0 identity=default', 'ERR 410 handler-closed no'),
  'initiator-begin-odd': dialled(GREETING, 'OK session=0 identity=default', 'OK handler=ffff'),
  'initiator-begin-unknown-reason': dialled(GREETING, 'OK session=0 identity=default', 'ERR 418 teapot no'),
  'initiator-device-fails': async (world) => {
    const { client, host } = await pair(world);
    host.devices.fault = new DeviceError('internal', 'no descriptors left');
    await client.ask(handleLine(), 20_000);
  },
  'initiator-device-fails-later': async (world) => {
    const { host } = await standing(world);
    host.devices.fault = new DeviceError('device-busy', 'somebody else has it');
    await host.restart();
    await world.elapse(3_000);
    host.devices.fault = undefined;
    await world.elapse(10_000);
  },
  'initiator-device-gone': async (world) => {
    const { host } = await standing(world);
    host.devices.delete('vm0');
    await world.elapse(1_000);
  },
  'initiator-device-away-and-back': async (world) => {
    const { client, host, id } = await standing(world);
    host.devices.delete('vm0');
    await world.elapse(5_000);
    host.devices.add({ name: 'vm0' });
    await world.elapse(5_000);
    await client.ask(`CLOSE ${id}`, 5_000);
  },
  'initiator-device-away-and-gone-again': async (world) => {
    const { host } = await standing(world);
    for (const pause of [300, 1_100]) {
      host.devices.delete('vm0');
      await world.elapse(500);
      host.devices.delay = 200;
      host.devices.add({ name: 'vm0' });
      await world.elapse(pause);
    }
    host.devices.delete('vm0');
    await world.elapse(5_000);
    host.devices.fault = new DeviceError('forbidden', 'CAP_NET_RAW is missing');
    host.devices.add({ name: 'vm0' });
    await world.elapse(5_000);
    host.devices.fault = undefined;
    await world.elapse(20_000);
  },
  'initiator-device-away-in-vain': async (world) => {
    const { host } = await standing(world);
    host.devices.delete('vm0');
    await world.elapse(620_000);
  },
  'initiator-device-away-while-dialling': async (world) => {
    const { host, proxy } = await standing(world);
    proxy.host.silent = true;
    await breakWire(world, host, proxy);
    await world.elapse(3_000);
    host.devices.delete('vm0');
    await world.elapse(3_000);
    proxy.host.silent = false;
    host.devices.add({ name: 'vm0' });
    await world.elapse(20_000);
  },
  'initiator-device-away-while-beginning-again': async (world) => {
    const { host, proxy } = await standing(world);
    proxy.devices.delay = 2_000;
    await proxy.restart();
    await breakWire(world, host, proxy);
    await world.elapse(1_500);
    host.devices.delete('vm0');
    await world.elapse(5_000);
    host.devices.add({ name: 'vm0' });
    await world.elapse(20_000);
  },
  'initiator-device-away-over-a-restart': async (world) => {
    const { host } = await standing(world);
    host.devices.delete('vm0');
    await world.elapse(3_000);
    await host.stop();
    await host.start();
    await world.elapse(20_000);
    host.devices.add({ name: 'vm0' });
    await world.elapse(20_000);
    host.devices.delete('vm0');
    await world.elapse(3_000);
    await host.restart({ resume: false });
    await world.elapse(3_000);
  },
  'initiator-slow-disk-device-away': authenticated(async ({ host }) => host.devices.delete('vm0'), true),
  'initiator-mtu-changes': async (world) => {
    const { host, proxy } = await standing(world);
    host.devices.setMtu({ ifname: 'vm0' }, 1400);
    await world.elapse(2_000);
    proxy.devices.setMtu({ ifname: 'lan0' }, 1300);
    await world.elapse(2_000);
    proxy.host.refuses = true;
    await breakWire(world, host, proxy);
    host.devices.setMtu({ ifname: 'vm0' }, 1450);
    await world.elapse(2_000);
    proxy.host.refuses = false;
    await world.elapse(20_000);
  },
  'initiator-mtu-changes-while-beginning': beginning(async ({ host }) => {
    host.devices.setMtu({ ifname: 'vm0' }, 1400);
  }),
  'initiator-mtu-changes-and-begin-says-so': async (world) => {
    const { client, host } = await pair(world);
    let begun = 0;
    await world.impostor('odd', (talker) => {
      talker.say(GREETING);
      talker.heardLine = (line) => {
        if (!line.startsWith('BEGIN')) return talker.say('OK session=0 identity=default');
        // The first one is not answered before it is dialled anew.
        if (begun++ === 0) return host.devices.setMtu({ ifname: 'vm0' }, 1450);
        talker.heardLine = undefined;
        talker.say(`OK handler=${line.split(' ')[1]} offload=on mtu=1500`);
      };
    });
    await handle(client, { remote: 'tcp://odd:7411' });
    await world.elapse(2_000);
    host.devices.setMtu({ ifname: 'vm0' }, 1400);
    await world.elapse(5_000);
  },
  'initiator-wire-breaks': async (world) => {
    const { host, proxy } = await standing(world);
    for (let round = 0; round < 3; round++) {
      await breakWire(world, host, proxy);
      await world.elapse(round === 1 ? 70_000 : 5_000);
    }
  },
  'initiator-far-end-away': async (world) => {
    const { host, proxy } = await standing(world);
    proxy.crash();
    await breakWire(world, host, proxy);
    await world.elapse(40_000);
    await proxy.start();
    await world.elapse(30_000);
  },
  'initiator-cut-off': async (world) => {
    const { host, proxy } = await standing(world);
    world.internet.cut(host.host, proxy.host);
    await world.elapse(50_000);
    world.internet.heal(host.host, proxy.host);
    await world.elapse(30_000);
  },
  'initiator-closed-while-cut-off': async (world) => {
    const { host, proxy, id } = await standing(world);
    world.internet.cut(host.host, proxy.host);
    await world.elapse(20_000);
    await (await proxy.client()).ask(`CLOSE ${id}`, 5_000);
    await world.elapse(5_000);
    world.internet.heal(host.host, proxy.host);
    await world.elapse(30_000);
  },
  'initiator-far-end-odd-at-redial': async (world) => {
    const { host, proxy } = await standing(world);
    proxy.authenticator.delay = 20_000;
    await breakWire(world, host, proxy);
    await world.elapse(15_000);
    proxy.authenticator.delay = 0;
    await world.elapse(30_000);
    proxy.devices.delay = 20_000;
    await proxy.restart();
    await world.elapse(60_000);
  },
  'initiator-protocol-error': wired(async (talker) => {
    talker.record(0x7f, Buffer.from('no such type'));
  }),
  'initiator-bye-closed': bye('closed'),
  'initiator-bye-device-gone': bye('device-gone'),
  'initiator-bye-protocol-error': bye('protocol-error'),
  'initiator-bye-shutting-down': bye('shutting-down'),
  'initiator-bye-replaced': bye('replaced'),
  'initiator-no-record-ever': wired(async (talker) => talker.link.destroy()),
  'initiator-closed-while-dialling': async (world) => {
    const { client, host, proxy } = await pair(world);
    world.internet.cut(host.host, proxy.host);
    client.say(handleLine());
    await world.elapse(2_000);
    const [handler] = host.server.handlers.all();
    await (await host.client()).ask(`CLOSE ${handler?.context.id}`, 5_000);
    await client.answer();
  },
  'initiator-closed-while-waiting': async (world) => {
    const { client, host, proxy, id } = await standing(world);
    proxy.host.refuses = true;
    await breakWire(world, host, proxy);
    await world.elapse(3_000);
    await client.ask(`CLOSE ${id}`, 5_000);
  },
  'initiator-client-leaves': async (world) => {
    const { client } = await pair(world);
    world.internet.latency = 30;
    client.say(handleLine());
    await world.elapse(50);
    client.end();
    await world.elapse(1_000);
  },
  'initiator-client-lost': async (world) => {
    const { client, host } = await pair(world);
    world.internet.latency = 30;
    client.say(handleLine());
    await world.elapse(100);
    client.link.destroy();
    await world.elapse(1_000);
    world.internet.latency = 0;
    const next = await host.client();
    world.internet.latency = 30;
    next.say(handleLine({ local: 'vm1', far: 'lan1', macs: MAC2 }));
    await world.elapse(100);
    await host.stop();
    await host.start();
    await world.elapse(20_000);
  },
  'initiator-shutdown-and-back': async (world) => {
    const { host } = await standing(world);
    await host.stop();
    await world.elapse(2_000);
    await host.start();
    await world.elapse(5_000);
  },
  'initiator-crash-and-back': async (world) => {
    const { host } = await standing(world);
    await host.restart();
    await world.elapse(5_000);
  },
  'initiator-crash-in-every-state': async (world) => {
    const { host, client } = await pair(world);
    world.internet.latency = 40;
    client.say(handleLine());
    for (let crash = 0; crash < 4; crash++) {
      await world.elapse(85 + 80 * crash);
      await host.restart();
    }
    await world.elapse(20_000);
  },
  'initiator-not-resumed': async (world) => {
    const { host, id } = await standing(world);
    await host.restart({ resume: false });
    await world.elapse(20_000);
    await (await host.client()).ask(`CLOSE ${id}`, 5_000);
  },
  'initiator-tap-follows-mtu': async (world) => {
    const { client, proxy } = await pair(world);
    proxy.devices.add({ name: 'jumbo0', mtu: 9000 });
    await handle(client, { local: 'tap:vm9', far: 'jumbo0' });
    await world.elapse(6_000);
  },
  'initiator-dials-itself': async (world) => {
    const { client, host } = await pair(world);
    const id = await handle(client, {
      remote: 'tcp://host:7411',
      auth: 'password:secret-of-host',
      far: 'vm1',
      roles: 'PROXY HOST',
    });
    await world.elapse(6_000);
    await (await host.client()).ask(`CLOSE ${id}`, 5_000);
  },
};
