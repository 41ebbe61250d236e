/** What a server tells of itself, and what it says to another one (PROTOCOL.md section 3). */
import * as assert from 'uvu/assert';
import { handle, handleLine, MAC, MAC2, only, pair } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Station } from '../support/station.ts';

const scenario = scenarios('reports');

scenario('DEVICES? lists every interface with what can be done with it', async (world) => {
  const station = world.station('north');
  station.devices.add({ name: 'eth0', kind: 'nic', mac: '52:54:00:aa:bb:cc', mtu: 9000, up: false });
  station.devices.add({ name: 'br0', kind: 'bridge' });
  station.devices.add({ name: 'vm9', kind: 'tap' });
  station.devices.add({ name: 'lo', kind: 'loopback' });
  station.devices.add({ name: 'wg0', kind: 'wireguard', unfit: 'wg0 carries no Ethernet frames' });
  await station.start();
  const client = await station.client();
  client.say('DEVICES?');
  const answer = await client.answer();
  assert.is(
    answer[0],
    'DEVICE eth0 kind=nic mac=52:54:00:aa:bb:cc mtu=9000 state=down backends=packet,pcap local=no handlers=0 kernel_dropped=0',
  );
  assert.match(
    answer[1] ?? '',
    /^DEVICE br0 kind=bridge .* state=up backends=packet,pcap local=no handlers=0 kernel_dropped=0$/,
  );
  assert.match(
    answer[2] ?? '',
    /^DEVICE vm9 kind=tap .* backends=tap,packet,pcap local=yes handlers=0 kernel_dropped=0$/,
  );
  assert.match(answer[3] ?? '', /^DEVICE wg0 kind=wireguard .* backends=- local=no /);
  assert.is(answer.at(-1), `OK count=${answer.length - 1}`);
});

scenario('DEVICES? counts the Handlers of an interface', async (world) => {
  const { host, client } = await pair(world);
  const handlers = async () =>
    /DEVICE vm0 [^|]*handlers=(\d+)/.exec((await client.list('DEVICES?')).join('|'))?.[1];
  const ids = [await handle(client), await handle(client, { macs: MAC2 })];
  assert.is(await handlers(), '2');
  for (const id of ids) await client.ask(`CLOSE ${id}`);
  assert.is(await handlers(), '0');
  assert.is(host.server.handlers.all().length, 0);
});

scenario('DEVICES? and STATS? count what the queue of the kernel has lost', async (world) => {
  const { host, client } = await pair(world);
  const id = await handle(client);
  const [device] = host.devices.opened('vm0');
  device!.kernelDrops = () => 600_000;
  const devices = (await client.list('DEVICES?')).join('|');
  assert.match(devices, /DEVICE vm0 [^|]*handlers=1 kernel_dropped=600000(\||$)/);
  assert.match(devices, /DEVICE vm1 [^|]*handlers=0 kernel_dropped=0(\||$)/);
  assert.ok((await client.list(`STATS? ${id}`)).includes('STAT kernel_dropped 600000'));
});

scenario(
  'STATUS? tells version, name, uptime, pid, sessions, Handlers, and how the log does',
  async (world) => {
    const { host, client } = await pair(world);
    await handle(client);
    await world.elapse(90_500);
    const status = new Map<string, string>();
    for (const line of await client.list('STATUS?')) {
      const [, key, value] = /^STATUS (\S+) (.*)$/.exec(line) ?? [];
      status.set(key ?? '', value ?? '');
    }
    assert.is(status.get('version'), '0.0.0');
    assert.is(status.get('name'), 'host');
    assert.is(status.get('uptime'), '90');
    assert.is(status.get('pid'), '1');
    assert.is(status.get('sessions'), '1');
    assert.is(status.get('handlers'), '1');
    assert.is(status.get('log_state'), 'ok');
    assert.is(Number(status.get('log_position')), host.journal.lines.length);
  },
);

scenario(
  'BEGIN has devices, roles and addresses from the other side, and hands the options on',
  async (world) => {
    const { client } = await pair(world);
    const heard: string[] = [];
    let early = 0;
    await world.impostor('ear', (talker) => {
      talker.heardLine = (line) => {
        heard.push(line);
        if (line.startsWith('HELLO')) return talker.say('OK session=1 identity=x');
        // Between BEGIN and its answer nothing comes.
        talker.heardLine = undefined;
        world.clock.after(500, () => {
          early += talker.held.length;
          talker.say('ERR 403 forbidden enough');
        });
      };
      talker.say('OK VNET/1 server=x auth=password');
    });
    const remote = 'tcp://ear:7411';
    await client.ask(
      handleLine({ remote, local: 'packet:vm0', far: 'tap:x?mtu=1400', macs: `${MAC2} ${MAC}` }),
      2_000,
    );
    await client.ask(
      handleLine({ remote, roles: 'PROXY:multicast=off HOST', options: 'offload=off announce=off l2cp=on' }),
      2_000,
    );
    await client.ask(handleLine({ remote, roles: 'BRIDGE BRIDGE', macs: '*' }), 2_000);
    const begins = heard
      .filter((line) => line.startsWith('BEGIN'))
      .map((line) => line.replace(/^BEGIN [0-9a-f]{16,64} /, ''));
    assert.equal(begins, [
      `tap:x?mtu=1400 packet:vm0 PROXY HOST ${MAC} ${MAC2} offload=on mtu=1500`,
      `lan0 vm0 HOST PROXY:multicast=off ${MAC} offload=off mtu=1500 announce=off l2cp=on`,
      'lan0 vm0 BRIDGE BRIDGE * offload=on mtu=1500',
    ]);
    assert.is(early, 0);
  },
);

scenario('a session that handles is not idle', async (world) => {
  const session = { hello: 10_000, idle: 3_000, failedHellos: 3 };
  const { proxy, client } = await pair(world, { host: { limits: { session } } });
  proxy.host.silent = true;
  client.say(handleLine());
  await world.elapse(14_000);
  assert.not(client.ended);
  await world.elapse(2_000);
  assert.match(client.lines().join(), /^ERR 504 remote-timeout/);
  await world.elapse(2_500);
  assert.match(client.lines().join(), /^ERR 408 timeout/);
});

/** Counts the RARP frames (ethertype 0x8035) that come to a station on a segment. */
function announcements(station: Station, ifname: string): string[] {
  const sources: string[] = [];
  const ear = station.devices.hub(ifname).attach();
  ear.start({
    frames: ({ buffer, start, end }) => {
      for (let at = start; at < end; at += 4 + buffer.readUIntBE(at + 1, 3)) {
        const frame = buffer.subarray(at + 4);
        if (frame.readUInt16BE(12) !== 0x8035) continue;
        assert.is(frame.toString('hex', 0, 6), 'ffffffffffff');
        sources.push(frame.toString('hex', 6, 12));
      }
    },
    gone: () => undefined,
  });
  return sources;
}

scenario(
  'the PROXY side announces each address once when it becomes binary, also after a redial',
  async (world) => {
    const { host, proxy, client } = await pair(world);
    const plain = (mac: string) => mac.replaceAll(':', '');
    const onLan = announcements(proxy, 'lan0');
    const onVm = announcements(host, 'vm0');
    await handle(client, { macs: `${MAC} ${MAC2}` });
    await world.elapse(1_000);
    assert.equal(onLan, [plain(MAC), plain(MAC2)]);
    world.internet.between(host.host, proxy.host).at(-1)?.wire.reset();
    await world.elapse(2_000);
    assert.equal(onLan, [plain(MAC), plain(MAC2), plain(MAC), plain(MAC2)]);
    assert.equal(onVm, [], 'the HOST side does not');
    const here = announcements(host, 'vm1');
    await handle(client, { local: 'vm1', far: 'lan1', roles: 'PROXY HOST', macs: MAC });
    assert.equal(here, [plain(MAC)], 'the initiator does when it is PROXY');
    const quiet = announcements(proxy, 'lan1');
    await handle(client, { local: 'vm1', far: 'lan1', options: 'announce=off', macs: '02:00:00:00:00:99' });
    await world.elapse(1_000);
    assert.equal(quiet, []);
  },
);

scenario('a Handler id has at least 64 random bits', async (world) => {
  const { host, client } = await pair(world);
  const ids = new Set<string>();
  for (let i = 0; i < 5; i++) {
    const id = await handle(client);
    ids.add(id);
    assert.ok(id.length >= 16);
    assert.is(only(host).context.id, id);
    await client.ask(`CLOSE ${id}`);
  }
  assert.is(ids.size, 5);
});

scenario.run();
