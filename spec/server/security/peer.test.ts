/** What a peer sends is checked on arrival, whatever the peer says or leaves out: roles, addresses, rates. */
import * as assert from 'uvu/assert';
import { beginLine, handle, ID, MAC, MAC2, only, pair } from '../../support/pair.ts';
import { scenarios } from '../../support/scenario.ts';
import type { Talker } from '../../support/talker.ts';

const scenario = scenarios('a peer is not trusted');

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const LAN = '52:54:00:00:00:99';

function frame(destination: string, source: string, bytes = 60): Buffer {
  const made = Buffer.alloc(bytes);
  made.write(`${destination}${source}`.replaceAll(':', ''), 0, 'hex');
  made.writeUInt16BE(0x88b5, 12);
  return made;
}
const some = (count: number, one: Buffer) => Array.from({ length: count }, () => one);

scenario('rate= and bcast-rate= of HANDLE stand in BEGIN and hold at both ends', async (world) => {
  const { host, proxy, client } = await pair(world);
  await handle(client, { options: 'rate=1M bcast-rate=10' });
  for (const station of [host, proxy]) {
    assert.equal(
      [only(station).context.options.rate, only(station).context.options.bcastRate],
      [1_000_000, 10],
    );
  }
  const vm = host.devices.hub('vm0').attach();
  const lan = proxy.devices.hub('lan0').attach();
  const heard: number[] = [];
  const count = (bytes: number) => heard.push(bytes);
  lan.start({ frames: (batch) => count(batch.frames), gone: () => undefined });
  vm.start({ frames: () => undefined, gone: () => undefined });

  vm.send(some(50, frame(BROADCAST, MAC)));
  await world.elapse(100);
  assert.is(only(host).counters?.txDropped.rate, 40, 'ten broadcasts a second');
  vm.send(some(100, frame(LAN, MAC, 1514)));
  await world.elapse(100);
  const { txDropped, txFrames } = only(host).counters ?? { txDropped: { rate: 0 }, txFrames: 0 };
  assert.ok(
    txFrames >= 18 && txFrames <= 30,
    `${txFrames} frames: a tenth of a second's worth and ten broadcasts`,
  );
  assert.is(txFrames + txDropped.rate, 150);
  assert.is(
    heard.reduce((a, b) => a + b, 0),
    txFrames,
  );

  lan.send(some(50, frame(BROADCAST, LAN)));
  await world.elapse(100);
  assert.is(only(proxy).counters?.txDropped.rate, 40, 'the other way too');
});

/** A peer that speaks the protocol and keeps none of its promises. */
async function rogue(world: Parameters<Parameters<typeof scenario>[1]>[0], line: string) {
  const { proxy } = await pair(world);
  const talker: Talker = await proxy.client();
  assert.match(await talker.ask(line, 1_000), /^OK handler=/);
  talker.ping();
  await world.settle();
  return { proxy, talker, counters: () => only(proxy).counters?.rxDropped };
}

scenario('caps hold at the receiver also when the sender takes no notice of them', async (world) => {
  const { proxy, talker, counters } = await rogue(
    world,
    beginLine({ options: 'offload=on mtu=1500 rate=1M bcast-rate=10' }),
  );
  for (const one of some(50, frame(BROADCAST, MAC))) talker.frame(one);
  await world.elapse(50);
  assert.is(counters()?.rate, 40);
  for (const one of some(100, frame(LAN, MAC, 1514))) talker.frame(one);
  await world.elapse(50);
  const { rxFrames } = only(proxy).counters ?? { rxFrames: 0 };
  assert.ok(rxFrames >= 18 && rxFrames <= 30, `${rxFrames} frames`);
});

scenario('a frame with the address of another machine is dropped as spoofed', async (world) => {
  const { proxy, talker, counters } = await rogue(world, beginLine());
  for (const source of [MAC2, LAN, BROADCAST, '00:00:00:00:00:00']) talker.frame(frame(LAN, source));
  await world.settle();
  assert.is(counters()?.spoofed, 4);
  assert.is(only(proxy).counters?.rxFrames, 0);
  assert.is(only(proxy).state, 'binary');
});

scenario('what is not for the VM does not reach it, though its Proxy sends it', async (world) => {
  const { proxy, talker, counters } = await rogue(
    world,
    beginLine({ roles: 'HOST PROXY', options: 'offload=on mtu=1500' }),
  );
  talker.frame(frame(MAC2, LAN));
  talker.frame(frame(MAC, MAC));
  talker.frame(frame(MAC, LAN));
  await world.settle();
  assert.is(only(proxy).counters?.rxFrames, 1);
  assert.is((counters()?.filtered ?? 0) + (counters()?.loop ?? 0), 2);
});

scenario('link-local control frames do not cross, and longer frames than the MTU neither', async (world) => {
  const { talker, counters } = await rogue(world, beginLine());
  talker.frame(frame('01:80:c2:00:00:00', MAC));
  talker.frame(frame(LAN, MAC, 1515));
  await world.settle();
  assert.is(counters()?.l2cp, 1);
  assert.is(counters()?.['too-big'], 1);
});

scenario('a wrong virtio header harms its frame alone', async (world) => {
  const { proxy, talker, counters } = await rogue(world, beginLine());
  const header = Buffer.alloc(12);
  header.writeUInt8(1, 0);
  header.writeUInt16LE(0xffff, 6);
  talker.record(0x01, Buffer.concat([header, frame(LAN, MAC)]));
  talker.frame(frame(LAN, MAC));
  await world.settle();
  assert.is(counters()?.['bad-offload'], 1);
  assert.is(only(proxy).counters?.rxFrames, 1);
});

scenario('what is no record ends that Handler and no other', async (world) => {
  const { proxy, talker } = await rogue(world, beginLine());
  const other = await proxy.client();
  await other.ask(beginLine({ id: ID.replace('0', 'f'), macs: MAC2 }), 1_000);
  other.ping();
  talker.record(0x05, Buffer.alloc(4));
  await world.elapse(4_000);
  assert.is(talker.bye(), 'protocol-error');
  assert.is(only(proxy).context.macs[0], MAC2);
});

scenario(
  'a secret that is given inline is nowhere but in the store, and there only while it is needed',
  async (world) => {
    const { host, client } = await pair(world);
    const id = await handle(client);
    assert.is(host.secrets.refs().length, 1);
    assert.is(await client.ask(`CLOSE ${id}`, 4_000), 'OK');
    await world.settle();
    assert.is(host.secrets.refs().length, 0);
    // That none stands in a log or in the diagnostics is checked behind every test of this kind.
  },
);

scenario.run();
