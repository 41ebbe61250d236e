/** A device goes and comes back: its Handlers wait for it, at both ends, for ten minutes (PROTOCOL.md section 4). */
import * as assert from 'uvu/assert';
import { DeviceError } from '../../io/ports.ts';
import { valuesOf } from '../../tools/lab/talk.ts';
import { handle, handleLine, MAC2, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Station } from '../support/station.ts';

const scenario = scenarios('device away');

/** What HANDLERS? says of why a Handler does not carry. */
async function whyOf(station: Station, id: string): Promise<string | undefined> {
  const client = await station.client();
  const line = (await client.list('HANDLERS?')).find((each) => each.startsWith(`HANDLER ${id} `)) ?? 'none';
  client.end();
  return valuesOf(line).why;
}

const warned = (station: Station, words: RegExp) =>
  station.diagnostics.messages('warn').filter((message) => words.test(message)).length;

for (const side of ['initiator', 'responder'] as const) {
  scenario(`of the ${side}: it is told of at both ends, waited for, and taken up again`, async (world) => {
    const two = await pair(world);
    const { host, proxy } = two;
    const [near, far, name] = side === 'initiator' ? [host, proxy, 'vm0'] : [proxy, host, 'lan0'];
    const first = await handle(two.client);
    const second = await handle(two.client, { macs: MAC2 });
    const hub = near.devices.hub(name);
    near.devices.delete(name);
    await world.elapse(2_000);
    for (const id of [first, second]) {
      assert.is(stateOf(host, id), 'unauthenticated');
      assert.is(stateOf(proxy, id), 'handling');
      assert.match((await whyOf(near, id)) ?? '', /^device gone: the interface \w+ was deleted$/);
      assert.match((await whyOf(far, id)) ?? '', /device-away|404 no-such-device/);
    }
    assert.is(warned(near, /device.*gone/), 1, 'once for a device');
    assert.is(warned(far, /device of the other end/), 2, 'once for each Handler');
    // Nobody makes it but who made it before.
    assert.is(near.devices.look(name), undefined);
    await world.elapse(40_000);
    near.devices.add({ name }, hub);
    await world.until(
      () => [first, second].every((id) => stateOf(host, id) === 'binary' && stateOf(proxy, id) === 'binary'),
      12_000,
      () => 'both Handlers again',
    );
    assert.is(await whyOf(near, first), undefined);
    assert.is(near.devices.opened(name).length, 1);
  });

  scenario(`of the ${side}: CLOSE ends the waiting`, async (world) => {
    const { client, host, proxy } = await pair(world);
    const [near, name] = side === 'initiator' ? [host, 'vm0'] : [proxy, 'lan0'];
    const id = await handle(client);
    near.devices.delete(name);
    await world.elapse(2_000);
    assert.is(await (await near.client()).ask(`CLOSE ${id}`, 5_000), 'OK');
    near.devices.add({ name });
    await world.elapse(70_000);
    assert.is(stateOf(host, id), 'none');
    assert.is(stateOf(proxy, id), 'none');
    assert.is(near.devices.opened(name).length, 0);
  });

  scenario(`of the ${side}: ten minutes, and it ends`, async (world) => {
    const { client, host, proxy } = await pair(world);
    const [near, name] = side === 'initiator' ? [host, 'vm0'] : [proxy, 'lan0'];
    const id = await handle(client);
    near.devices.delete(name);
    await world.elapse(595_000);
    assert.is(stateOf(near, id), side === 'initiator' ? 'unauthenticated' : 'handling');
    await world.elapse(10_000);
    assert.is(stateOf(near, id), 'none');
    // An initiator dials on until it is CLOSEd.
    if (side === 'responder') assert.is(await (await host.client()).ask(`CLOSE ${id}`, 5_000), 'OK');
    near.devices.add({ name });
    await world.elapse(20_000);
    assert.is(near.devices.opened(name).length, 0);
    assert.is(stateOf(host, id), 'none');
  });

  scenario(`of the ${side}: it comes and goes, and cannot be opened at first`, async (world) => {
    const { client, host, proxy } = await pair(world);
    const [near, name] = side === 'initiator' ? [host, 'vm0'] : [proxy, 'lan0'];
    const id = await handle(client);
    for (let round = 0; round < 5; round++) {
      near.devices.delete(name);
      await world.elapse(300);
      near.devices.add({ name });
      await world.elapse(300);
    }
    near.devices.delete(name);
    near.devices.fault = new DeviceError('forbidden', 'not yet');
    await world.elapse(1_000);
    near.devices.add({ name });
    await world.elapse(5_000);
    assert.is.not(stateOf(near, id), 'none');
    assert.is.not(stateOf(near, id), 'binary');
    near.devices.fault = undefined;
    await world.until(
      () => stateOf(host, id) === 'binary' && stateOf(proxy, id) === 'binary',
      25_000,
      () => 'the Handler again',
    );
  });
}

scenario('a responder waits no longer than its initiator: CLOSE there cannot be told', async (world) => {
  const { client, host, proxy } = await pair(world);
  const id = await handle(client);
  proxy.devices.delete('lan0');
  await world.elapse(120_000);
  assert.is(stateOf(proxy, id), 'handling', 'the initiator goes on asking');
  assert.is(await client.ask(`CLOSE ${id}`, 5_000), 'OK');
  assert.is(stateOf(host, id), 'none');
  await world.elapse(61_000);
  assert.is(stateOf(proxy, id), 'none');
});

scenario('its MAC addresses stay taken, and nothing else may be put there meanwhile', async (world) => {
  const { client, host, proxy } = await pair(world);
  const id = await handle(client);
  proxy.devices.delete('lan0');
  await world.settle();
  assert.match(await client.ask(handleLine(), 5_000), /^ERR 409 mac-in-use/);
  host.devices.delete('vm0');
  await world.settle();
  assert.match(await client.ask(handleLine({ macs: MAC2 })), /^ERR 404 no-such-device/);
  host.devices.add({ name: 'vm0' });
  assert.match(await client.ask(handleLine()), /^ERR 409 mac-in-use/);
  proxy.devices.add({ name: 'lan0' });
  await world.elapse(12_000);
  assert.is(stateOf(host, id), 'binary');
});

scenario('a TAP that we made and somebody deleted is not made again, but taken', async (world) => {
  const { client, host } = await pair(world);
  const id = await handle(client, { local: 'tap:vm9' });
  host.devices.delete('vm9');
  await world.elapse(30_000);
  assert.is(host.devices.look('vm9'), undefined);
  host.devices.add({ name: 'vm9', kind: 'tap' });
  await world.elapse(3_000);
  assert.is(stateOf(host, id), 'binary');
  assert.is(await client.ask(`CLOSE ${id}`, 5_000), 'OK');
  await world.settle();
  assert.ok(host.devices.look('vm9'), 'it is the user’s now');
});

scenario('renamed and deleted: it is waited for under the name that was asked for', async (world) => {
  const { client, host } = await pair(world);
  const id = await handle(client);
  host.devices.rename('vm0', 'old0');
  host.devices.delete('old0');
  await world.elapse(2_000);
  host.devices.add({ name: 'other0' });
  await world.elapse(2_000);
  assert.is(stateOf(host, id), 'unauthenticated');
  host.devices.rename('other0', 'vm0');
  await world.elapse(2_000);
  assert.is(stateOf(host, id), 'binary');
});

scenario('both devices go, and come back in either order', async (world) => {
  const { client, host, proxy } = await pair(world);
  const id = await handle(client);
  for (const order of [
    [host, proxy],
    [proxy, host],
  ] as const) {
    host.devices.delete('vm0');
    proxy.devices.delete('lan0');
    await world.elapse(20_000);
    for (const station of order) {
      station.devices.add({ name: station === host ? 'vm0' : 'lan0' });
      await world.elapse(15_000);
    }
    assert.is(stateOf(host, id), 'binary');
    assert.is(stateOf(proxy, id), 'binary');
  }
});

scenario('a restart while it is away: the initiator goes on, and finds it', async (world) => {
  const { client, host } = await pair(world);
  const id = await handle(client);
  host.devices.delete('vm0');
  await world.elapse(2_000);
  await host.restart();
  await world.elapse(5_000);
  assert.is(stateOf(host, id), 'unauthenticated');
  host.devices.add({ name: 'vm0' });
  await world.elapse(12_000);
  assert.is(stateOf(host, id), 'binary');
});

scenario('another server that knows of nothing new: it is a broken wire to it', async (world) => {
  const { proxy } = await pair(world);
  const wire = await proxy.client();
  const id = '00112233445566778899aabbccddeeff';
  await wire.ask(`BEGIN ${id} lan0 vm0 PROXY HOST 52:54:00:00:00:07 offload=on mtu=1500`);
  wire.ping();
  await world.settle();
  wire.records();
  proxy.devices.delete('lan0');
  await world.settle();
  const records = wire.records();
  assert.equal(
    records.map(({ type }) => type),
    [0x80, 0x04],
    'a record that is to be skipped where it is not known, and a BYE',
  );
  assert.is(records[1]?.payload.toString(), 'shutting-down');
  const again = await proxy.client();
  const begin = `BEGIN ${id} lan0 vm0 PROXY HOST 52:54:00:00:00:07 offload=on mtu=1500`;
  assert.match(await again.ask(begin), /^ERR 404 no-such-device/);
  proxy.devices.add({ name: 'lan0' });
  assert.match(await again.ask(begin, 1_000), /^OK handler=/);
});

scenario.run();
