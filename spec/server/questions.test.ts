/** What a server says of frames: TRACE?, DROPS?, CAPTURE and PING? (PROTOCOL.md section 3). */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { formatFrame } from '../../machines/protocol/questions.ts';
import { valuesOf } from '../../tools/lab/talk.ts';
import { handle, MAC, MAC2, only, type Pair, pair } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Talker } from '../support/talker.ts';
import type { MemoryWorld } from '../support/world.ts';

const scenario = scenarios('questions');

const OTHER = '52:54:00:00:00:99';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const hex = (mac: string) => mac.replaceAll(':', '');
const frame = (destination: string, source: string, bytes = 60, type = '0800') =>
  Buffer.from((hex(destination) + hex(source) + type).padEnd(2 * bytes, '0'), 'hex');
const IPV4 = '4500002800010000400600000a0000010a000002';

async function standing(world: MemoryWorld, change: Parameters<typeof handle>[1] = {}) {
  const made = await pair(world);
  const id = await handle(made.client, change);
  await world.settle();
  return { ...made, id, far: await made.proxy.client() };
}

/** The one TRACE line of an answer as fields. */
async function trace(client: Talker, place: string, bytes: Uint8Array): Promise<Record<string, string>> {
  client.say(`TRACE? ${place} ${formatFrame(bytes)}`);
  const [line = '', last] = await client.answer();
  assert.is(last, 'OK count=1', line);
  return valuesOf(line);
}

scenario('TRACE? says what becomes of a frame, which rule decides, and where it goes', async (world) => {
  const { client, far, id, host } = await standing(world);
  const wanted = await trace(client, 'vm0', frame(BROADCAST, MAC));
  assert.is(wanted.handler, id);
  assert.is(wanted.verdict, 'carried');
  assert.is(wanted.counter, 'tx_frames');
  assert.is(wanted.next, 'tcp://proxy:7411');
  const strange = await trace(client, 'vm0', frame(BROADCAST, OTHER));
  assert.is(strange.verdict, 'filtered');
  assert.is(strange.counter, 'tx_dropped_filtered');
  assert.is(strange.next, '-');
  assert.is(
    strange.check,
    `HOST carries only what comes from its MAC addresses (${MAC}); the source is ${OTHER}`,
  );
  assert.is((await trace(client, 'vm0', frame(OTHER, MAC, 1_600))).verdict, 'too-big');
  assert.is((await trace(far, id, frame(BROADCAST, OTHER))).verdict, 'spoofed');
  const arrives = await trace(far, id, frame(BROADCAST, MAC));
  assert.equal([arrives.verdict, arrives.direction, arrives.next], ['carried', 'rx', 'lan0']);
  const tagged = (type: string) => trace(far, id, frame(BROADCAST, MAC, 1_518, type));
  assert.equal([(await tagged('8100')).verdict, (await tagged('88a8')).verdict], ['carried', 'tag-too-long']);
  assert.is((await trace(client, id, frame(OTHER, OTHER))).verdict, 'filtered');
  const { counters } = only(host);
  assert.is(counters?.txSeen, 0, 'nothing was counted');
  assert.is(await client.ask(`TRACE? vm1 ${formatFrame(frame(OTHER, MAC))}`), 'OK count=0');
});

scenario('a frame that is traced is nowhere in the log', async (world) => {
  const { client, host } = await standing(world);
  const secret = 'c0ffeec0ffeec0ffee';
  await client.ask(`TRACE? vm0 ${hex(BROADCAST)}${hex(MAC)}0800${secret}x40`);
  assert.is(host.journal.lines.filter((line) => line.includes(secret)).length, 0);
  assert.is(host.history().filter(({ event }) => event.type === 'TRACE?').length, 1);
});

scenario('TRACE? and CAPTURE refuse what is not there, with the reason', async (world) => {
  const { client } = await standing(world);
  const whole = formatFrame(frame(BROADCAST, MAC));
  const answers: readonly (readonly [string, RegExp])[] = [
    ['TRACE?', /^ERR 400 syntax/],
    ['TRACE? vm0', /^ERR 400 syntax/],
    ['TRACE? vm0 0011', /^ERR 400 syntax a frame is 14 to/],
    ['TRACE? vm0 xyz', /^ERR 400 syntax/],
    [`TRACE? vm0 ${hex(BROADCAST)}${hex(MAC)}0800…x46`, /^ERR 400 syntax/],
    [`TRACE? usb:vm0 ${whole}`, /^ERR 400 bad-device/],
    [`TRACE? nowhere ${whole}`, /^ERR 404 no-such-device/],
    [`TRACE? ${'f'.repeat(32)} ${whole}`, /^ERR 404 no-such-handler/],
    ['DROPS? me', /^ERR 400 bad-id/],
    [`DROPS? ${'f'.repeat(32)}`, /^ERR 404 no-such-handler/],
    ['CAPTURE', /^ERR 400 syntax/],
    ['CAPTURE vm0 snap=3', /^ERR 400 bad-option/],
    ['CAPTURE vm0 only=some', /^ERR 400 bad-option/],
    ['CAPTURE vm0 mac=1', /^ERR 400 bad-option/],
    ['CAPTURE vm0 type=800', /^ERR 400 bad-option/],
    ['CAPTURE vm0 snap=64 snap=64', /^ERR 400 bad-option/],
    ['CAPTURE vm1', /^ERR 404 no-such-device no Handler is on vm1/],
    ['PING?', /^ERR 400 syntax/],
    [`PING? ${'f'.repeat(32)}`, /^ERR 404 no-such-handler/],
    [`PING? ${'f'.repeat(32)} count=0`, /^ERR 400 bad-option/],
  ];
  for (const [line, expected] of answers) assert.match(await client.ask(line), expected, line);
});

scenario('what TRACE? says is what then happens, for any frame, both ways', async (world) => {
  const { client, far, id, host, proxy } = await standing(world, { options: 'l2cp=off' });
  const vm = host.devices.hub('vm0').attach({ mtu: 65_535 });
  const lan = proxy.devices.hub('lan0').attach({ mtu: 65_535 });
  const macs = fc.constantFrom(MAC, MAC2, OTHER, BROADCAST, '01:80:c2:00:00:00', '33:33:00:00:00:01');
  const frames = fc.array(
    fc.record({ destination: macs, source: macs, bytes: fc.constantFrom(60, 1_514, 1_515, 1_518, 2_000) }),
    { minLength: 40, maxLength: 40 },
  );
  const [all = []] = fc.sample(frames, { numRuns: 1, seed: 7 });
  const dropsOf = (station: Pair['host'], way: 'tx' | 'rx') => {
    const counters = only(station).counters!;
    const [frames, dropped] =
      way === 'tx' ? [counters.txFrames, counters.txDropped] : [counters.rxFrames, counters.rxDropped];
    return { carried: frames, ...dropped } as Record<string, number>;
  };
  const verdicts = new Set<string>();
  for (const { destination, source, bytes } of all) {
    const sent = frame(destination, source, bytes);
    for (const [from, to, at, hub] of [
      [client, far, host, vm],
      [far, client, proxy, lan],
    ] as const) {
      const said = await trace(from, at === host ? 'vm0' : 'lan0', sent);
      const there = await trace(to, id, sent);
      const other = at === host ? proxy : host;
      const before = [dropsOf(at, 'tx'), dropsOf(other, 'rx')];
      hub.send([sent]);
      await world.elapse(20);
      const after = [dropsOf(at, 'tx'), dropsOf(other, 'rx')];
      const what = `${said.direction} ${destination} ← ${source}, ${bytes} bytes`;
      const moved = (i: number) => Object.keys(after[i]!).filter((key) => after[i]![key] !== before[i]![key]);
      // The kernel's filter may have kept it from the server: then nothing is counted, and it was not to be carried.
      const happened =
        moved(0)[0] ?? (said.verdict === 'filtered' || said.verdict === 'l2cp' ? said.verdict : '');
      assert.is(said.verdict, happened, what);
      if (said.verdict === 'carried') assert.equal(moved(1), [there.verdict], `${what}, at the other end`);
      verdicts.add(`${said.direction} ${said.verdict}`);
    }
  }
  assert.ok(verdicts.has('tx carried') && verdicts.has('tx too-big') && verdicts.has('tx filtered'));
});

scenario(
  'DROPS? tells the newest drops in words, and what a Handler does not ask for is none',
  async (world) => {
    const { client, id, host } = await standing(world);
    const vm = host.devices.hub('vm0').attach({ mtu: 65_535 });
    const big = frame(OTHER, MAC, 1_600);
    Buffer.from(IPV4, 'hex').copy(big, 14);
    big.writeUInt16BE(1_586, 16);
    big.writeUInt16BE(443, 34);
    big.writeUInt16BE(50_000, 36);
    vm.send([big, frame(OTHER, MAC2)]);
    await world.elapse(20);
    client.say('DROPS?');
    const [line = '', last] = await client.answer();
    assert.is(last, 'OK count=1 missed=0');
    const drop = valuesOf(line);
    assert.equal(
      [
        drop.handler,
        drop.direction,
        drop.reason,
        drop.source,
        drop.destination,
        drop.type,
        drop.vlan,
        drop.length,
      ],
      [id, 'tx', 'too-big', MAC, OTHER, '0x0800', '-', '1600'],
    );
    assert.match(drop.info ?? '', /^10\.0\.0\.1:443 > 10\.0\.0\.2:50000 tcp/);
    vm.send(Array.from({ length: 300 }, () => big));
    await world.elapse(20);
    assert.match(await client.ask(`DROPS? ${id}`), /^OK count=\d+ missed=\d+$/);
    client.say(`DROPS? ${id}`);
    const answer = await client.answer();
    const [, count, missed] = /count=(\d+) missed=(\d+)/.exec(answer.at(-1) ?? '') ?? [];
    assert.is(Number(count) + Number(missed), 301);
    assert.ok(Number(count) <= 200, `${count} kept of two seconds at most`);
  },
);

scenario('CAPTURE shows each frame with its verdict, until the next line', async (world) => {
  const { client, id, host, proxy } = await standing(world);
  const ear = await host.client();
  const vm = host.devices.hub('vm0').attach({ mtu: 65_535 });
  const lan = proxy.devices.hub('lan0').attach();
  assert.is(await ear.ask(`CAPTURE ${id} snap=20`), 'OK');
  vm.send([frame(BROADCAST, MAC), frame(OTHER, MAC, 1_600)]);
  lan.send([frame(MAC, OTHER)]);
  await world.elapse(20);
  const seen = ear.lines().map(valuesOf);
  assert.equal(
    seen.map(({ direction, verdict, length }) => `${direction} ${verdict} ${length}`),
    ['tx carried 60', 'tx too-big 1600', 'rx carried 60'],
  );
  assert.is(seen[0]?.handler, id);
  assert.is(seen[0]?.gso, '-');
  assert.equal(Buffer.from(seen[0]?.frame ?? '', 'base64'), frame(BROADCAST, MAC).subarray(0, 20));
  assert.is((await ear.ask('STATUS?')).slice(0, 2), 'OK');
  vm.send([frame(BROADCAST, MAC)]);
  await world.elapse(20);
  assert.equal(ear.lines(), [], 'it is over');
  await client.ask(`CLOSE ${id}`, 5_000);
});

scenario(
  'CAPTURE of a device also shows what no Handler wants, and by what it was asked for',
  async (world) => {
    const { id, host } = await standing(world);
    const [all, dropped] = [await host.client(), await host.client()];
    const vm = host.devices.hub('vm0').attach({ mtu: 65_535 });
    await all.ask('CAPTURE vm0');
    await dropped.ask(`CAPTURE packet:vm0 only=dropped mac=${MAC} type=0x0800`);
    vm.send([frame(BROADCAST, OTHER), frame(BROADCAST, MAC, 1_600), frame(BROADCAST, MAC, 1_600, '86dd')]);
    await world.elapse(20);
    const told = (talker: Talker) =>
      talker.lines().map((line) => {
        const { handler, verdict } = valuesOf(line);
        return `${handler === id ? 'handler' : handler} ${verdict}`;
      });
    assert.ok(told(all).includes('- unselected'));
    assert.equal(told(dropped), ['handler too-big']);
    all.say('');
    dropped.say('');
    await world.settle();
  },
);

scenario('CAPTURE of a device goes on when the device went and came back', async (world) => {
  const { host } = await standing(world);
  const ear = await host.client();
  await ear.ask('CAPTURE vm0');
  host.devices.delete('vm0');
  await world.elapse(2_000);
  host.devices.add({ name: 'vm0' });
  await world.until(
    () => only(host).state === 'binary',
    30_000,
    () => 'the Handler to have its device again',
  );
  ear.lines();
  const vm = host.devices.hub('vm0').attach({ mtu: 65_535 });
  vm.send([frame(BROADCAST, MAC), frame(BROADCAST, OTHER)]);
  await world.elapse(20);
  assert.equal(
    ear
      .lines()
      .map((line) => valuesOf(line).verdict)
      .sort(),
    ['carried', 'unselected'],
  );
  ear.say('');
  await world.settle();
});

scenario('a client that does not read its CAPTURE misses frames and is told how many', async (world) => {
  const { id, host } = await standing(world);
  const ear = await host.client();
  const vm = host.devices.hub('vm0').attach({ mtu: 65_535 });
  await ear.ask(`CAPTURE ${id}`);
  ear.link.pause();
  for (let i = 0; i < 40; i++) {
    vm.send(Array.from({ length: 50 }, () => frame(BROADCAST, MAC, 1_514)));
    await world.elapse(5);
  }
  const carried = only(host).counters?.txFrames ?? 0;
  assert.is(carried, 2_000, 'no Handler waits for it');
  ear.link.resume();
  await world.elapse(1_000);
  vm.send([frame(BROADCAST, MAC)]);
  await world.elapse(20);
  const fields = ear.lines().map(valuesOf);
  const missed = fields.reduce((sum, { missed: more = '0' }) => sum + Number(more), 0);
  const shown = fields.filter(({ frame: bytes }) => bytes !== undefined).length;
  assert.ok(missed > 0, 'some were missed');
  assert.is(shown + missed, 2_001);
});

scenario('PING? measures each wire, and says when there is none', async (world) => {
  const { client, id, host, proxy } = await standing(world);
  client.say(`PING? ${id} count=3`, 'STATUS?');
  await world.elapse(2_000);
  const lines = client.lines();
  assert.equal(
    lines.slice(0, 3).map((line) => /^PONG wire=0 rtt_us=\d+$/.test(line)),
    [true, true, true],
  );
  assert.match(lines[3] ?? '', /^OK sent=3 received=3 min_us=\d+ median_us=\d+ max_us=\d+$/);
  assert.match(lines[4] ?? '', /^STATUS version /, 'the next line waited');
  world.internet.cut(host.host, proxy.host);
  client.say(`PING? ${id} count=1`);
  await world.elapse(6_000);
  const lost = client.lines();
  assert.equal(lost.slice(0, 2), ['PONG wire=0 lost', 'OK sent=1 received=0 min_us=- median_us=- max_us=-']);
  for (const { wire } of world.internet.between(host.host, proxy.host)) wire.reset();
  await world.elapse(100);
  assert.is(await client.ask(`PING? ${id}`, 1_000), 'OK sent=0 received=0 min_us=- median_us=- max_us=-');
});

scenario('a client that goes takes the PINGs that were still to come along', async (world) => {
  const { id, host } = await standing(world);
  const [wire] = only(host).standingWires.values();
  if (wire === undefined) throw new Error('no wire');
  let probes = 0;
  const probe = wire.probe.bind(wire);
  wire.probe = (...of) => {
    probes++;
    probe(...of);
  };
  const late = await host.client();
  late.say(`PING? ${id} count=100`);
  await world.elapse(500);
  late.link.destroy();
  await world.elapse(200);
  const before = probes;
  assert.ok(before > 0, 'it was answered');
  await world.elapse(1_000);
  assert.is(probes, before);
});

scenario('CHECK? says what is well, what is not, and what to do', async (world) => {
  const { client, id, host, proxy } = await standing(world);
  const checks = async () => {
    client.say('CHECK?');
    const answer = await client.answer();
    const [, count, warn, fail] = /^OK count=(\d+) warn=(\d+) fail=(\d+)$/.exec(answer.at(-1) ?? '') ?? [];
    assert.is(Number(count), answer.length - 1);
    const of = (verdict: string) => answer.filter((line) => line.split(' ')[2] === verdict);
    assert.equal([of('warn').length, of('fail').length], [Number(warn), Number(fail)]);
    return { answer, bad: [...of('warn'), ...of('fail')] };
  };
  const well = await checks();
  assert.equal(well.bad, []);
  assert.ok(
    well.answer.includes(`CHECK handler:${id} ok "binary, MTU 1500 at both ends"`),
    well.answer.join('\n'),
  );
  assert.ok(well.answer.some((line) => line.startsWith('CHECK device:packet:vm0 ok "vm0 is up, MTU 1500')));
  const vm = host.devices.hub('vm0').attach({ mtu: 65_535 });
  vm.send([frame(OTHER, MAC, 1_600)]);
  host.devices.opened('vm0')[0]!.kernelDrops = () => 7;
  await world.elapse(20);
  const { bad } = await checks();
  assert.ok(
    bad.some((line) => line.includes('1 frame dropped, tx too-big: set the MTU of both devices alike')),
  );
  assert.ok(bad.some((line) => line.includes("the kernel's queue lost 7 frames")));
  host.devices.setUp('vm0', false);
  assert.ok((await checks()).bad.some((line) => line.includes('fail "vm0 is down: ip link set dev vm0 up"')));
  world.internet.cut(host.host, proxy.host);
  for (const { wire } of world.internet.between(host.host, proxy.host)) wire.reset();
  await world.elapse(100);
  assert.ok((await checks()).bad.some((line) => line.includes('no wire: it dials, or waits to dial again')));
});

scenario('CHECK? warns of the drops of a Handler for ten minutes', async (world) => {
  const { client, id, host } = await standing(world);
  const other = await handle(client, { macs: MAC2 });
  const vm = host.devices.hub('vm0').attach({ mtu: 65_535 });
  const before = world.clock.now();
  vm.send([frame(OTHER, MAC, 1_600)]);
  await world.elapse(601_000);
  vm.send([frame(OTHER, MAC2, 1_600), frame(OTHER, MAC2, 1_600)]);
  await world.elapse(20);
  const late = await host.client();
  late.say('CHECK?');
  const told = (await late.answer()).filter((line) => line.includes('dropped, tx too-big'));
  assert.is(told.length, 2, told.join('\n'));
  const [, when = ''] =
    new RegExp(`^CHECK handler:${id} ok "1 frame dropped, tx too-big, the last one at (\\S+Z): `).exec(
      told[0] ?? '',
    ) ?? [];
  assert.ok(Date.parse(when) >= before && Date.parse(when) < before + 1_000, told[0]);
  assert.ok(told[1]?.startsWith(`CHECK handler:${other} warn "2 frames dropped, tx too-big: `), told[1]);
});

scenario('CHECK? warns of limits that are near, and of connections that were turned away', async (world) => {
  const { client, host } = await pair(world, {
    host: { limits: { handlers: 5, unauthenticatedPerAddress: 1 } },
  });
  const warnings = async () => {
    client.say('CHECK?');
    const answer = await client.answer();
    return answer.filter((line) => line.split(' ')[2] === 'warn');
  };
  for (let n = 1; n <= 3; n++) await handle(client, { macs: `52:54:00:00:01:0${n}` });
  assert.equal(await warnings(), [], 'three of five');
  await handle(client, { macs: '52:54:00:00:01:04' });
  const near =
    'CHECK limits warn "4 handlers of at most 5: raise limits.handlers in the configuration, or spread them over several servers"';
  assert.equal(await warnings(), [near]);
  for (let n = 0; n < 2; n++) await host.connect();
  const [, away = ''] = await warnings();
  assert.match(away, /^CHECK sessions warn "1 connections were turned away \(429\)/);
});

scenario('CHECK? warns of an interface that may give no frames of other machines', async (world) => {
  const { client, host } = await pair(world);
  host.devices.add({ name: 'wlan0', kind: 'wireless', doubt: 'wlan0 is wireless: use a wired one' });
  await handle(client, { local: 'wlan0' });
  client.say('CHECK?');
  const answer = await client.answer();
  assert.ok(answer.includes('CHECK device:packet:wlan0 warn "wlan0 is wireless: use a wired one"'));
});

scenario.run();
