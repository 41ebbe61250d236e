/** The scripts of a device: most of all of a TAP that the server makes, and that outlives it (section 3.1). */
import { DeviceError } from '../../../io/ports.ts';
import { handle, handleLine, MAC2, pair } from '../../support/pair.ts';
import { breakWire, type Scripts, slowDisk } from './script.ts';

const TAP = { local: 'tap:vm9' };
const SECOND = { ...TAP, far: 'lan1', macs: MAC2 };

export const DEVICES: Scripts = {
  'device-tap-made-and-removed': async (world) => {
    const { client } = await pair(world);
    const id = await handle(client, TAP);
    await client.ask(`CLOSE ${id}`, 5_000);
    await world.elapse(1_000);
  },
  'device-tap-shared': async (world) => {
    const { client } = await pair(world);
    const first = await handle(client, TAP);
    const second = await handle(client, SECOND);
    await client.ask(`CLOSE ${first}`, 5_000);
    await client.ask(`CLOSE ${second}`, 5_000);
    await world.elapse(1_000);
  },
  'device-tap-of-the-user': async (world) => {
    const { client, host } = await pair(world);
    host.devices.add({ name: 'vm9', kind: 'tap' });
    const id = await handle(client, TAP);
    await host.restart();
    await world.elapse(3_000);
    await (await host.client()).ask(`CLOSE ${id}`, 5_000);
    await world.elapse(1_000);
  },
  'device-joined-and-left-while-opening': async (world) => {
    const { client, host } = await pair(world);
    host.devices.delay = 500;
    const [one, two] = [await host.client(), await host.client()];
    one.say(handleLine(TAP));
    two.say(handleLine(SECOND));
    await world.elapse(100);
    for (const { context } of host.server.handlers.all()) await client.ask(`CLOSE ${context.id}`, 5_000);
    await world.elapse(3_000);
  },
  'device-wanted-while-closing': async (world) => {
    const { client } = await pair(world);
    const id = await handle(client, TAP);
    client.say(`CLOSE ${id}`, handleLine(TAP));
    await client.answer(5_000);
    await client.answer(5_000);
    await world.elapse(1_000);
  },
  'device-fails': async (world) => {
    const { client, host } = await pair(world);
    host.devices.fault = new DeviceError('forbidden', 'CAP_NET_ADMIN is missing');
    await client.ask(handleLine(TAP), 1_000);
    await world.elapse(1_000);
  },
  'device-tap-made-and-not-opened-again': async (world) => {
    const { client, host } = await pair(world);
    const id = await handle(client, TAP);
    host.devices.fault = new DeviceError('device-busy', 'somebody else has it');
    await host.restart();
    await world.elapse(3_000);
    host.devices.delay = 1_000;
    await host.restart();
    await world.elapse(500);
    await (await host.client()).ask(`CLOSE ${id}`, 5_000);
    await world.elapse(3_000);
  },
  'device-tap-deleted-by-the-user': async (world) => {
    const { client, host } = await pair(world);
    await handle(client, TAP);
    await handle(client, SECOND);
    host.devices.delete('vm9');
    await world.elapse(3_000);
  },
  'device-tap-over-a-crash': async (world) => {
    const { client, host } = await pair(world);
    const first = await handle(client, TAP);
    await handle(client, SECOND);
    await host.restart();
    const back = await host.client();
    await back.ask(`CLOSE ${first}`, 5_000);
    await world.elapse(5_000);
    await host.restart({ resume: false });
    const last = await host.client();
    const [line = ''] = await last.list('HANDLERS?');
    await last.ask(`CLOSE ${line.split(' ')[1]}`, 5_000);
    await world.elapse(1_000);
  },
  'device-held-over-two-crashes': async (world) => {
    const { client, host } = await pair(world);
    const first = await handle(client, TAP);
    await handle(client, SECOND);
    await host.restart({ resume: false });
    await world.settle();
    await host.restart({ resume: false });
    await (await host.client()).ask(`CLOSE ${first}`, 5_000);
  },
  'device-interrupted': async (world) => {
    const { client, host } = await pair(world);
    const id = await handle(client, { local: 'pcap:vm0' });
    for (let round = 0; round < 2; round++) {
      const [device] = host.devices.opened('vm0');
      device?.interrupt('the pcap process of vm0 ended by SIGKILL');
      await world.elapse(1_000);
      device?.recover();
      await world.elapse(1_000);
    }
    await client.ask(`CLOSE ${id}`, 5_000);
  },
  'device-left-in-a-crash': async (world) => {
    const { client, host } = await pair(world, { host: { recorder: { sync: 'always' } } });
    const id = await handle(client);
    await host.restart({ resume: false });
    const back = await host.client();
    slowDisk(world, host, 100);
    back.say(`CLOSE ${id}`);
    await world.elapse(50);
    await host.restart();
    await world.elapse(1_000);
  },
  'device-gone-in-a-crash': async (world) => {
    const { client, host } = await pair(world, { host: { recorder: { sync: 'always' } } });
    await handle(client, TAP);
    slowDisk(world, host, 100);
    host.devices.delete('vm9');
    await world.elapse(50);
    await host.restart();
    await world.elapse(5_000);
  },
  'device-tap-of-a-responder-over-a-crash': async (world) => {
    const { client, host, proxy } = await pair(world);
    await handle(client, { far: 'tap:lan9' });
    await proxy.restart();
    await world.elapse(10_000);
    await proxy.restart();
    world.internet.cut(host.host, proxy.host);
    await breakWire(world, host, proxy);
    await world.elapse(70_000);
  },
  'device-crash-while-opening': async (world) => {
    const { client, host } = await pair(world);
    host.devices.delay = 500;
    client.say(handleLine(TAP));
    await world.elapse(100);
    await host.restart();
    await world.elapse(5_000);
  },
  'device-crash-while-closing': async (world) => {
    const { client, host } = await pair(world);
    const id = await handle(client, TAP);
    const remove = host.devices.removeTap.bind(host.devices);
    host.devices.removeTap = () => new Promise(() => undefined);
    client.say(`CLOSE ${id}`);
    await world.elapse(1_000);
    host.devices.removeTap = remove;
    await host.restart();
    await world.elapse(1_000);
  },
};

/** Of version 2 from the first. */
export const TAPS: Scripts = {
  'device-tap-whose-bridge-is-made-again': async (world) => {
    const { client, host } = await pair(world);
    host.devices.add({ name: 'br0', kind: 'bridge' });
    const id = await handle(client, { local: 'tap:vm9?bridge=br0' });
    host.devices.changeBridge('vm9', { bridge: 'br0', joined: false });
    await world.elapse(1_000);
    host.devices.changeBridge('vm9', { bridge: 'br0', joined: false, why: 'no right to' });
    host.devices.changeBridge('vm9', { bridge: 'br0', joined: true });
    await world.elapse(1_000);
    await client.ask(`CLOSE ${id}`, 5_000);
    await world.elapse(1_000);
  },
  'device-tap-of-the-user-left-as-it-was': async (world) => {
    const { client, host } = await pair(world);
    host.devices.add({ name: 'vm9', kind: 'tap', up: false });
    const id = await handle(client, TAP);
    await host.restart();
    await world.elapse(3_000);
    await (await host.client()).ask(`CLOSE ${id}`, 5_000);
    await world.elapse(1_000);
  },
};
