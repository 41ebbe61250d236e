/** HANDLE and BEGIN: how a Handler comes about, and what stands against it (PROTOCOL.md sections 3 and 4). */
import * as assert from 'uvu/assert';
import { DeviceError } from '../../io/ports.ts';
import { handle, handleLine, MAC, MAC2, only, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';

const scenario = scenarios('HANDLE');

scenario('OK comes once both ends are in binary mode; the id is the same at both', async (world) => {
  const { host, proxy, client } = await pair(world);
  world.internet.latency = 20;
  client.say(handleLine());
  let answered = '';
  for (let ms = 0; ms < 1_000 && answered === ''; ms += 10) {
    await world.elapse(10);
    answered = client.lines().join('');
    if (answered === '') continue;
    await world.elapse(100);
    assert.is(only(host).state, 'binary');
    assert.is(only(proxy).state, 'binary');
  }
  const id = /^OK handler=([0-9a-f]{16,64})$/.exec(answered)?.[1] ?? '';
  assert.is(only(host).context.id, id);
  assert.is(only(proxy).context.id, id);
  assert.equal(host.steps(`handler:${id}`), [
    '@created → unauthenticated',
    'device-open → unauthenticated',
    'dialled → unauthenticated',
    'hello-taken → authenticated',
    'begin-sent → handling',
    'begin-taken → binary',
    'first-record → binary',
    // A round trip of 40 ms: the way has a length.
    'far → binary',
  ]);
  assert.equal(proxy.steps(`handler:${id}`), [
    '@created → handling',
    'device-open → binary',
    'first-record → binary',
  ]);
});

scenario('both servers list it, each from its own side', async (world) => {
  const { proxy, client } = await pair(world);
  const id = await handle(client, {
    roles: 'HOST PROXY:multicast=off',
    macs: `${MAC2} ${MAC.toUpperCase()}`,
  });
  const there = await proxy.client();
  const [near = ''] = await client.list('HANDLERS?');
  const [far = ''] = await there.list('HANDLERS?');
  assert.match(
    near,
    new RegExp(
      `^HANDLER ${id} state=binary side=initiator peer=tcp://proxy:7411 local_device=vm0 remote_device=lan0 ` +
        `local_config=HOST remote_config=PROXY:multicast=off macs=${MAC},${MAC2} rx_frames=0 rx_bytes=0 ` +
        'tx_frames=0 tx_bytes=0 dropped=0 rtt_us=\\d+ since=2026-\\S+Z$',
    ),
  );
  assert.match(
    far,
    new RegExp(
      `^HANDLER ${id} state=binary side=responder peer=10\\.0\\.0\\.1 local_device=lan0 remote_device=vm0 ` +
        `local_config=PROXY:multicast=off remote_config=HOST macs=${MAC},${MAC2} .* since=2026-\\S+Z$`,
    ),
  );
  for (const talker of [client, there]) {
    talker.say(`STATS? ${id}`);
    const stats = await talker.answer();
    assert.is(stats.at(-1), `OK count=${stats.length - 1}`);
    assert.ok(
      stats.slice(0, -1).every((line) => /^STAT [a-z0-9_-]+ \d+$/.test(line)),
      stats.join('|'),
    );
    for (const word of ['rx_frames', 'tx_bytes', 'rx_dropped_spoofed', 'rx_dropped_loop']) {
      assert.ok(
        stats.some((line) => line.startsWith(`STAT ${word} `)),
        word,
      );
    }
  }
});

scenario('frames cross both ways and are counted', async (world) => {
  const { host, proxy, client } = await pair(world);
  const id = await handle(client, { options: 'announce=off' });
  const vm = host.devices.hub('vm0').attach();
  const machine = proxy.devices.hub('lan0').attach();
  const heard: string[] = [];
  const note = (who: string) => ({
    frames: ({ frames }: { frames: number }) => void heard.push(`${who}:${frames}`),
    gone: () => undefined,
  });
  vm.start(note('vm'));
  machine.start(note('lan'));
  const frame = (to: string, from: string) =>
    Buffer.concat([Buffer.from((to + from).replaceAll(':', ''), 'hex'), Buffer.alloc(48, 7)]);
  vm.send([frame('ff:ff:ff:ff:ff:ff', MAC)]);
  await world.settle();
  machine.send([frame(MAC, '02:aa:00:00:00:01')]);
  await world.settle();
  assert.equal(heard, ['lan:1', 'vm:1']);
  const stats = await client.list(`STATS? ${id}`);
  for (const line of ['STAT tx_frames 1', 'STAT rx_frames 1', 'STAT tx_bytes 60', 'STAT rx_bytes 60']) {
    assert.ok(stats.includes(line), line);
  }
});

scenario('lines behind HANDLE wait for its answer; other sessions do not', async (world) => {
  const { host, proxy, client } = await pair(world);
  world.internet.cut(host.host, proxy.host);
  const other = await host.client();
  client.say(handleLine(), 'HANDLERS?');
  await world.elapse(5_000);
  assert.equal(client.lines(), []);
  assert.match((await other.list('HANDLERS?'))[0] ?? '', /state=unauthenticated side=initiator/);
  await world.elapse(10_000);
  const lines = client.lines();
  assert.match(lines[0] ?? '', /^ERR 504 remote-timeout ./);
  assert.is(lines[1], 'OK count=0', 'one whose HANDLE has failed is not listed');
});

scenario('a Handler belongs to the server: DONE leaves it in place', async (world) => {
  const { host, proxy, client } = await pair(world);
  const id = await handle(client);
  await client.ask('DONE');
  await world.elapse(60_000);
  assert.is(stateOf(host, id), 'binary');
  assert.is(stateOf(proxy, id), 'binary');
});

scenario('a client that goes away while HANDLE is under way leaves it in place', async (world) => {
  const { host, proxy, client } = await pair(world);
  world.internet.latency = 30;
  client.say(handleLine());
  await world.elapse(50);
  client.end();
  await world.elapse(1_000);
  assert.is(only(host).state, 'binary');
  assert.is(only(proxy).state, 'binary');
});

scenario('a client whose connection is reset while HANDLE is under way leaves it in place', async (world) => {
  const { host, proxy, client } = await pair(world);
  world.internet.latency = 30;
  client.say(handleLine());
  await world.elapse(50);
  client.link.destroy();
  world.internet.connections[0]?.wire.reset();
  await world.elapse(1_000);
  assert.is(only(host).state, 'binary');
  assert.is(only(proxy).state, 'binary');
});

scenario('what is wrong on our own side is told before anything is dialled', async (world) => {
  const { host, proxy, client } = await pair(world);
  host.devices.add({ name: 'tap9', kind: 'veth' });
  host.devices.add({ name: 'br0', kind: 'bridge', mtu: 1500 });
  host.devices.add({ name: 'mv0', kind: 'macvlan', unfit: 'mv0 is a macvlan in mode bridge' });
  const rows: [Parameters<typeof handleLine>[0], string][] = [
    [{ local: 'nope0' }, '404 no-such-device'],
    [{ local: 'packet:nope0' }, '404 no-such-device'],
    [{ local: 'tap:tap9' }, '400 bad-device'],
    [{ local: 'mv0' }, '400 bad-device mv0 is a macvlan'],
    [{ local: 'pcap:mv0' }, '400 bad-device mv0 is a macvlan'],
    [{ local: 'tap:t0?bridge=nope0' }, '404 no-such-device'],
    [{ local: 'tap:t0?bridge=vm0' }, '400 bad-device'],
    [{ local: '"tap:t0?mtu=1400&bridge=br0"' }, '400 bad-device'],
    [{ remote: 'peer:nobody', auth: '-' }, '404 no-such-peer'],
    [{ remote: 'peer:nobody', auth: 'cert' }, '404 no-such-peer'],
  ];
  for (const [change, wanted] of rows) {
    const answer = await client.ask(handleLine(change));
    assert.ok(answer.startsWith(`ERR ${wanted} `), `${JSON.stringify(change)}: ${answer}`);
  }
  host.devices.backends = ['packet'];
  assert.match(await client.ask(handleLine({ local: 'pcap:vm0' })), /^ERR 400 bad-device ./);
  assert.is(world.internet.between(host.host, proxy.host).length, 0);
  assert.is(host.server.handlers.all().length, 0);
});

scenario('a device that cannot be opened fails HANDLE, and nothing is dialled', async (world) => {
  const { host, proxy, client } = await pair(world);
  for (const reason of ['no-such-device', 'device-busy', 'bad-device', 'forbidden', 'internal'] as const) {
    host.devices.fault = new DeviceError(reason, 'this is why');
    assert.match(await client.ask(handleLine()), new RegExp(`^ERR \\d+ ${reason} this is why$`));
  }
  host.devices.fault = undefined;
  assert.is(world.internet.between(host.host, proxy.host).length, 0);
  assert.match(await client.ask(handleLine()), /^OK /);
});

scenario('what is wrong on the other side is 502 remote-refused with its ERR line as text', async (world) => {
  const { proxy, client } = await pair(world);
  assert.match(
    await client.ask(handleLine({ far: 'nope0' })),
    /^ERR 502 remote-refused ERR 404 no-such-device there is no interface nope0/,
  );
  assert.match(
    await client.ask(handleLine({ auth: 'password:wrong' }), 2_000),
    /^ERR 502 remote-refused ERR 403 authentication-failed ./,
  );
  proxy.devices.fault = new DeviceError('device-busy', 'somebody has it');
  assert.match(
    await client.ask(handleLine(), 2_000),
    /^ERR 502 remote-refused ERR 409 device-busy somebody has it$/,
  );
  proxy.devices.fault = undefined;
  assert.match(await client.ask(handleLine(), 2_000), /^OK /);
});

scenario('a MAC address is used once by a role on a segment', async (world) => {
  const { proxy, client } = await pair(world);
  const id = await handle(client);
  const refused = await client.ask(handleLine());
  assert.match(refused, new RegExp(`^ERR 409 mac-in-use .*${id}.*${MAC}`));
  assert.match(await client.ask(handleLine({ macs: `${MAC2} ${MAC}` })), /^ERR 409 mac-in-use/);
  assert.match(
    await client.ask(handleLine({ local: 'vm1' })),
    /^ERR 502 remote-refused ERR 409 mac-in-use /,
    'on the other server it is, too',
  );
  assert.match(await client.ask(handleLine({ macs: MAC2 })), /^OK /);
  assert.match(await client.ask(handleLine({ local: 'vm1', far: 'lan1' })), /^OK /);
  assert.is(proxy.server.handlers.all().length, 3);
  // The same address in the other role is no conflict: it is that of a machine beyond.
  assert.match(await client.ask(handleLine({ far: 'lan1', roles: 'PROXY HOST' })), /^OK /);
});

scenario('a second BRIDGE between the same two segments is refused, from either end', async (world) => {
  const { host, proxy, client } = await pair(world);
  const bridge = { roles: 'BRIDGE BRIDGE', macs: '*' };
  await handle(client, bridge);
  assert.match(await client.ask(handleLine(bridge)), /^ERR 409 device-busy ./);
  const there = await proxy.client();
  const back = {
    ...bridge,
    remote: 'tcp://host:7411',
    auth: 'password:secret-of-host',
    local: 'lan0',
    far: 'vm0',
  };
  assert.match(
    await there.ask(handleLine(back), 1_000),
    /^ERR (409|502 remote-refused ERR 409) device-busy ./,
  );
  assert.match(await client.ask(handleLine({ ...bridge, local: 'vm1', far: 'lan1' })), /^OK /);
  assert.is(host.server.handlers.all().length, 2);
});

scenario(
  'an interface that is open by another backend or with other options is 409 device-busy',
  async (world) => {
    const { client } = await pair(world);
    await handle(client, { local: 'packet:vm0' });
    assert.match(await client.ask(handleLine({ local: 'pcap:vm0', macs: MAC2 })), /^ERR 409 device-busy ./);
    assert.match(
      await client.ask(handleLine({ local: 'vm0', macs: MAC2 })),
      /^OK /,
      'the best backend is packet',
    );
    await handle(client, { local: 'tap:t0', macs: '02:00:00:00:00:10' });
    const other = { local: 'tap:t0?mtu=1400', macs: '02:00:00:00:00:11' };
    assert.match(await client.ask(handleLine(other)), /^ERR 409 device-busy ./);
    assert.match(await client.ask(handleLine({ local: 'tap:t0', macs: '02:00:00:00:00:12' })), /^OK /);
  },
);

scenario(
  'HANDLE for the same MAC address by two sessions in one tick: one of them gets it',
  async (world) => {
    const { host, client } = await pair(world);
    const other = await host.client();
    client.say(handleLine());
    other.say(handleLine());
    await world.elapse(1_000);
    const answers = [client.lines().join(), other.lines().join()].sort();
    assert.match(answers[0] ?? '', /^ERR 409 mac-in-use /);
    assert.match(answers[1] ?? '', /^OK handler=/);
  },
);

scenario('HANDLE for one interface by two backends in one tick: one of them gets it', async (world) => {
  const { host, client } = await pair(world);
  const other = await host.client();
  client.say(handleLine({ local: 'packet:vm0' }));
  other.say(handleLine({ local: 'pcap:vm0', macs: MAC2 }));
  await world.elapse(1_000);
  const answers = [client.lines().join(), other.lines().join()].sort();
  assert.match(answers[0] ?? '', /^ERR 409 device-busy /);
  assert.match(answers[1] ?? '', /^OK handler=/);
  assert.is(host.devices.opened('vm0').length, 1);
});

scenario('an interface by another of its names is the same segment', async (world) => {
  const { host, client } = await pair(world);
  await handle(client);
  host.devices.addName('vm0', 'a-name-that-is-longer-than-fifteen-bytes');
  const alias = 'a-name-that-is-longer-than-fifteen-bytes';
  assert.match(await client.ask(handleLine({ local: alias })), /^ERR 409 mac-in-use ./);
  assert.match(
    await client.ask(handleLine({ local: `pcap:${alias}`, macs: MAC2 })),
    /^ERR 409 device-busy ./,
  );
  await handle(client, { local: alias, macs: MAC2 });
  assert.is(host.devices.opened('vm0').length, 1);
  host.devices.rename('vm0', 'new0');
  assert.match(await client.ask(handleLine({ local: 'new0' })), /^ERR 409 mac-in-use ./);
  assert.match(await client.ask(handleLine({ local: 'vm0@if5' })), /^ERR 404 no-such-device .*: it is vm0$/);
});

scenario('another interface that took the name is another segment', async (world) => {
  const { host, proxy, client } = await pair(world);
  const first = await handle(client);
  proxy.devices.rename('lan0', 'old0');
  proxy.devices.add({ name: 'lan0' });
  host.devices.rename('vm0', 'was0');
  host.devices.add({ name: 'vm0' });
  const second = await handle(client);
  const index = (station: typeof host, name: string) => station.devices.opened(name).map((d) => d.ifindex);
  assert.is(index(host, 'vm0').length, 1, 'not on the old one');
  assert.is(index(proxy, 'lan0').length, 1, 'nor at the responder');
  assert.is(index(host, 'was0').length, 1);
  // A restart finds both again, whatever they are called.
  await host.restart();
  await world.elapse(3_000);
  assert.is(stateOf(host, first), 'binary');
  assert.is(stateOf(host, second), 'binary');
  assert.is(index(host, 'vm0').length, 1);
  assert.is(index(host, 'was0').length, 1);
  const again = await host.client();
  await again.ask(`CLOSE ${first}`, 5_000);
  await world.settle();
  assert.is(index(host, 'was0').length, 0, 'each leaves its own');
  assert.is(index(host, 'vm0').length, 1);
});

for (const where of ['local', 'far'] as const) {
  scenario(`HANDLE right behind CLOSE waits for the ${where} device to be released`, async (world) => {
    const { host, proxy, client } = await pair(world);
    const [station, name] = where === 'local' ? [host, 'vm0'] : [proxy, 'lan0'];
    const id = await handle(client, { [where]: `pcap:${name}` });
    const [device] = station.devices.opened(name);
    const close = device!.close.bind(device);
    // A pcap device takes its time: a process has to end.
    device!.close = () => new Promise((resolve) => world.clock.after(50, () => resolve(close())));
    client.say(`CLOSE ${id}`, handleLine({ [where]: `packet:${name}` }));
    await world.elapse(2_000);
    const [closed, opened] = client.lines();
    assert.is(closed, 'OK');
    assert.match(opened ?? '', /^OK handler=/);
    assert.equal(
      station.devices.opened(name).map(({ backend }) => backend),
      ['packet'],
    );
  });
}

scenario('too many Handlers are 429', async (world) => {
  const { client, proxy } = await pair(world, { host: { limits: { handlers: 1 } } });
  await handle(client);
  assert.match(await client.ask(handleLine({ macs: MAC2 })), /^ERR 429 too-many-handlers ./);
  const there = await proxy.client();
  const back = { remote: 'tcp://host:7411', auth: 'password:secret-of-host', local: 'lan1', far: 'vm1' };
  assert.match(
    await there.ask(handleLine(back)),
    /^ERR 502 remote-refused ERR 429 too-many-handlers ./,
    'nor by BEGIN',
  );
});

scenario.run();
