/** Frames in words and from files, and the commands that ask about frames, against a server that says what a test wants. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeFrame } from '../../../machines/frames/describe.ts';
import type { Command } from '../../../tools/vnet/cli/command.ts';
import { doctor } from '../../../tools/vnet/commands/doctor.ts';
import { drops } from '../../../tools/vnet/commands/drops.ts';
import { ping } from '../../../tools/vnet/commands/ping.ts';
import { trace } from '../../../tools/vnet/commands/trace.ts';
import { CaptureFile, MOST_COUNTED } from '../../../tools/vnet/frames/capture-file.ts';
import { type Captured, nanosecondsOf } from '../../../tools/vnet/frames/captured.ts';
import { composeFrame } from '../../../tools/vnet/frames/compose.ts';
import { readCapture } from '../../../tools/vnet/frames/read-capture.ts';
import { farSettings } from '../../../tools/vnet/frames/sides.ts';
import { slowSum } from '../frames/packets.ts';
import { FakeServer } from './fake-server.ts';
import { HANDLER, scratch } from './history.ts';
import { Terminal } from './terminal.ts';

const test = suite('frames in words');
const VM = '52:54:00:00:00:01';
const LAN = '52:54:00:00:00:99';

const said = (text: string) => {
  const frame = composeFrame(text.split(' '));
  const { info, ...rest } = describeFrame(frame, 0, frame.length);
  return { ...rest, info, length: frame.length };
};

test('what is said comes back when the frame is described', () => {
  const cases: readonly (readonly [string, string, number])[] = [
    [
      `${VM} to broadcast arp who-has 192.168.7.10 tell 192.168.7.2`,
      'arp who-has 192.168.7.10 tell 192.168.7.2',
      60,
    ],
    [`${VM} > ${LAN} arp is-at 10.0.0.1 tell 10.0.0.2`, `arp 10.0.0.1 is-at ${VM}`, 60],
    [`${VM} to ${LAN} ip 10.0.0.1 to 10.0.0.2 icmp`, '10.0.0.1 > 10.0.0.2 icmp echo request', 60],
    [
      `${VM} to ${LAN} ip 10.0.0.1 to 10.0.0.2 tcp 40000 to 443 bytes 1514`,
      '10.0.0.1:40000 > 10.0.0.2:443 tcp syn',
      1514,
    ],
    [`${VM} to ${LAN} ip 10.0.0.1 > 10.0.0.2 udp 53 > 53`, '10.0.0.1:53 > 10.0.0.2:53 udp', 60],
    [`${VM} to ${LAN} ip6 fe80::1 to ff02::1:ff00:2 icmp`, 'fe80::1 > ff02::1:ff00:2 icmp6 echo request', 62],
    [
      `${VM} to ${LAN} ip6 2001:db8::1 to ::ffff:192.0.2.1 tcp 1 to 2`,
      '[2001:db8::1]:1 > [::ffff:c000:201]:2 tcp syn',
      74,
    ],
    [`${VM} to ${LAN} 0x88cc`, 'lldp', 60],
    [`${VM} to 01:80:c2:00:00:00 0x0026`, 'spanning tree', 60],
  ];
  for (const [text, info, length] of cases) {
    const is = said(text);
    assert.equal([is.info, is.length, is.source, is.vlan], [info, length, VM, undefined], text);
  }
  assert.is(said(`${VM} to broadcast vlan 7 vlan 9 ip`).vlan, 7);
  const ip = composeFrame(`${VM} to ${LAN} ip 10.0.0.1 to 10.0.0.2 udp 1 to 2 bytes 200`.split(' '));
  assert.is(slowSum(ip.subarray(14, 34)), 0xffff, 'the header has its checksum');
  assert.is(ip.readUInt16BE(16), 186);
});

test('a frame that is said wrong is refused by the word that is wrong', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /the frame ends where the source address should stand/],
    ['52:54 to broadcast ip', /the source "52:54"/],
    [`${VM} broadcast ip`, /"broadcast" stands where "to" should/],
    [`${VM} to broadcast ipx`, /"ipx" is no kind of frame/],
    [`${VM} to broadcast vlan 4096 ip`, /vlan "4096": it is a number from 0 to 4095/],
    [`${VM} to broadcast arp who-has me`, /"me" is no IPv4 address/],
    [`${VM} to broadcast arp tell me`, /"tell" stands where "who-has" should/],
    [`${VM} to broadcast ip bytes 9`, /bytes "9"/],
    [`${VM} to broadcast ip6 10.0.0.1 to ::1`, /"10.0.0.1" is no IPv6 address/],
    [`${VM} to broadcast ip 10.0.0.1 to 10.0.0.2 tcp 70000 to 1`, /a port "70000"/],
    [`${VM} to broadcast ip please`, /"please" is no IPv4 address/],
    [`${VM} to broadcast 0x0800 please`, /nothing is known of "please"/],
  ];
  for (const [text, wanted] of cases) {
    assert.throws(
      () => composeFrame(text.split(' ')),
      (error: Error) => wanted.test(error.message),
      text,
    );
  }
});

test('frames are read from pcap and pcapng, either byte order, cut ones up to their length', () => {
  const { dir, remove } = scratch();
  const frame = composeFrame(`${VM} to broadcast arp who-has 10.0.0.1`.split(' '));
  const word = (little: boolean) => (value: number) => {
    const bytes = Buffer.alloc(4);
    if (little) bytes.writeUInt32LE(value);
    else bytes.writeUInt32BE(value);
    return bytes;
  };
  for (const little of [true, false]) {
    const w = word(little);
    const classic = Buffer.concat([
      ...[0xa1b2c3d4, little ? 0x40002 : 0x20004, 0, 0, 65_535, 1, 1, 2, 20, 60].map(w),
      frame.subarray(0, 20),
    ]);
    const block = (type: number, body: Buffer) =>
      Buffer.concat([w(type), w(body.length + 12), body, w(body.length + 12)]);
    const ng = Buffer.concat([
      block(
        0x0a0d0d0a,
        Buffer.concat([w(0x1a2b3c4d), w(little ? 1 : 0x10000), w(0xffffffff), w(0xffffffff)]),
      ),
      block(1, Buffer.concat([little ? w(1) : Buffer.from([0, 1, 0, 0]), w(0)])),
      block(6, Buffer.concat([w(0), w(0), w(0), w(20), w(60), frame.subarray(0, 20)])),
      block(3, Buffer.concat([w(60), frame])),
    ]);
    for (const [name, bytes, frames] of [
      ['classic', classic, 1],
      ['ng', ng, 2],
    ] as const) {
      const file = path.join(dir, `${name}-${little}`);
      fs.writeFileSync(file, bytes);
      const read = readCapture(file);
      assert.is(read.length, frames, `${name}, little ${little}`);
      assert.is(read[0]?.length, 60);
      assert.equal(read[0]?.subarray(0, 20), frame.subarray(0, 20));
      assert.equal(read[0]?.subarray(20), Buffer.alloc(40));
      fs.writeFileSync(file, bytes.subarray(0, bytes.length - 5));
      assert.throws(() => readCapture(file), /ends in the middle|damaged/);
    }
    const file = path.join(dir, `short-${little}`);
    fs.writeFileSync(file, Buffer.concat([ng, block(6, Buffer.alloc(0))]));
    assert.throws(() => readCapture(file), /a block of it is damaged/);
  }
  fs.writeFileSync(path.join(dir, 'text'), 'this is no capture at all, but a text\n');
  assert.throws(() => readCapture(path.join(dir, 'text')), /no pcap or pcapng file/);
  assert.throws(() => readCapture(path.join(dir, 'none')), /cannot read/);
  remove();
});

test('of two servers each keeps its order, and what came over a wire stands behind what went out', () => {
  const bytes = Buffer.concat([Buffer.alloc(12, 2), Buffer.from('0800', 'hex')]);
  const blocks: Buffer[] = [];
  const file = new CaptureFile({
    application: 'vnet',
    os: 'Linux',
    snap: 65_575,
    both: true,
    place: (server) => ({ server, device: `dev-${server}`, peer: 'peer' }),
    write: (block) => blocks.push(block),
  });
  const seen = (server: 'near' | 'far', direction: 'tx' | 'rx', what: number): Captured => ({
    server,
    time: '2026-01-31T12:00:00.000001Z',
    handler: HANDLER,
    direction,
    verdict: 'carried',
    length: 14,
    gso: undefined,
    bytes: Buffer.concat([bytes.subarray(0, 11), Buffer.from([what]), bytes.subarray(12)]),
  });
  // The far server is heard first: of the question as it came, and of its answer.
  file.add(seen('far', 'rx', 1), 0);
  file.add(seen('far', 'tx', 2), 0);
  assert.is(blocks.length, 1, 'it waits');
  file.add(seen('near', 'tx', 1), 5);
  file.add(seen('near', 'rx', 2), 5);
  const packets = () =>
    blocks
      .filter((block) => block.readUInt32LE(0) === 6)
      .map((block) => [block.readUInt32LE(8), block[28 + 11]]);
  /** Number among equal ones, of one more. */
  const idOf = (what: number) => {
    const from = blocks.length;
    file.add({ ...seen('near', 'tx', what), verdict: 'too-big' }, 20);
    return blocks[from]?.readUInt16LE(blocks[from].length - 16);
  };
  const [nearDevice, nearWire, farWire, farDevice] = [0, 1, 3, 2];
  assert.equal(packets(), [
    [nearDevice, 1],
    [nearWire, 1],
    [farWire, 1],
    [farDevice, 1],
    [farDevice, 2],
    [farWire, 2],
    [nearWire, 2],
    [nearDevice, 2],
  ]);
  file.add(seen('far', 'rx', 3), 10);
  file.flush(500);
  assert.is(packets().length, 8, 'its match may still come');
  file.flush(1_100);
  assert.is(packets().length, 10, 'it is not waited for any longer');
  assert.equal([idOf(7), idOf(7)], [0, 1], 'equal ones are told apart by their number');
  for (let i = 0; i < MOST_COUNTED; i++) file.add({ ...seen('far', 'rx', 9), length: 15 + i }, 2_000);
  assert.is(idOf(7), 0, 'and no more of them are remembered than that');
  assert.is(nanosecondsOf('2026-01-31T12:00:00.000001Z'), 1_769_860_800_000_001_000n);
});

test.run();

const commands = suite('commands that ask about frames');

let near: FakeServer;
let far: FakeServer;
const line = (fields: string) => `TRACE handler=${HANDLER} ${fields}`;
let nearSays: (asked: string) => string | undefined = () => undefined;
let farSays: (asked: string) => string | undefined = () => undefined;

commands.before.each(async () => {
  near = await FakeServer.start((asked) => nearSays(asked));
  far = await FakeServer.start((asked) => farSays(asked));
});
commands.after.each(async () => {
  await Promise.all([near.stop(), far.stop()]);
});

async function run(what: Command, args: readonly string[]): Promise<Terminal & { readonly code: number }> {
  const terminal = new Terminal();
  terminal.env = { VNET_SERVER: near.url, VNET_PASSWORD: 'near', VNET_FAR_PASSWORD: 'far' };
  const code = await what(args, terminal);
  return Object.assign(terminal, { code });
}

const FRAME = [VM, 'to', 'broadcast', 'arp', 'who-has', '192.168.7.10'];
const CARRIED = line(
  'direction=tx verdict=carried counter=tx_frames check="HOST carries it" next=tls://far:7411',
);

commands('trace follows a frame to the last device, and says where it ends', async () => {
  nearSays = (asked) => (asked.startsWith('TRACE?') ? `${CARRIED}\nOK count=1` : undefined);
  farSays = (asked) =>
    asked.startsWith('TRACE?')
      ? `${line('direction=rx verdict=carried counter=rx_frames check="PROXY takes it" next=br0')}\nOK count=1`
      : undefined;
  const good = await run(trace, ['vm0', ...FRAME, '--far', far.url]);
  assert.is(good.code, 0, good.stderr);
  assert.is(
    good.stdout,
    `${VM} > ff:ff:ff:ff:ff:ff arp who-has 192.168.7.10 tell 0.0.0.0, 60 bytes\n` +
      `  ${near.url}: read on vm0, Handler ${HANDLER.slice(0, 8)}…: carried to tls://far:7411\n      HOST carries it\n` +
      `  ${far.url}: over the wire, Handler ${HANDLER.slice(0, 8)}…: carried to br0\n      PROXY takes it\nIt gets there.\n`,
  );
  assert.equal(near.heard[0], 'HELLO password default near');
  assert.equal(far.heard[0], 'HELLO password default far');
  assert.match(far.heard[1] ?? '', new RegExp(`^TRACE\\? ${HANDLER} ffffffffffff525400000001`));
  farSays = (asked) =>
    asked.startsWith('TRACE?')
      ? `${line('direction=rx verdict=spoofed counter=rx_dropped_spoofed check="not its VM" next=-')}\nOK count=1`
      : undefined;
  const bad = await run(trace, ['vm0', ...FRAME, '--far', far.url]);
  assert.is(bad.code, 1);
  assert.match(
    bad.stdout,
    /DROPPED, spoofed \(counted rx_dropped_spoofed\)\n {6}not its VM\nIt does not get there\.\n$/,
  );
  nearSays = (asked) => (asked.startsWith('TRACE?') ? 'OK count=0' : undefined);
  const nobody = await run(trace, ['vm0', ...FRAME]);
  assert.is(nobody.code, 1);
  assert.match(nobody.stdout, /no Handler is on vm0/);
  const json = await run(trace, ['vm0', ...FRAME, '--json']);
  assert.equal(JSON.parse(json.stdout)[0].steps[0].verdict, 'unselected');
});

commands('trace says what is wrong with what was typed', async () => {
  assert.match((await run(trace, ['vm0'])).stderr, /which frame\?/);
  assert.match((await run(trace, ['vm0', ...FRAME, '--both'])).stderr, /--both needs --far/);
  assert.match((await run(trace, ['vm0', '--hex', 'zz'])).stderr, /--hex takes bytes/);
  assert.match((await run(trace, ['vm0', ...FRAME, '--pcap', 'f'])).stderr, /not both/);
});

commands('doctor tells of Handlers that either server has alone', async () => {
  const says = (id: string, state: string) => (asked: string) =>
    asked === 'HANDLERS?'
      ? `HANDLER ${id} state=${state} local_device=vm0 local_config=HOST\nOK count=1`
      : asked === 'CHECK?'
        ? `CHECK clock ok ${new Date().toISOString()}\nOK count=1 warn=0 fail=0`
        : undefined;
  nearSays = says('a'.repeat(32), 'binary');
  farSays = says('b'.repeat(32), 'handling');
  const { stdout, code } = await run(doctor, ['--far', far.url]);
  assert.is(code, 1);
  assert.match(stdout, new RegExp(`ok +handler:a{32} +stands here, and its other end is not ${far.url}`));
  assert.match(stdout, new RegExp(`FAIL +handler:b{32} +handling there, and ${near.url} does not have it`));
  const alone = await run(doctor, ['--log', '/tmp']);
  assert.is(alone.code, 2);
  assert.match(alone.stderr, /--log needs --bundle/);
});

commands('what is allowed towards one server is not allowed towards the other', async () => {
  const values = {
    far: 'tcp://192.0.2.1:7411',
    'password-file': undefined,
    'allow-plaintext': true,
  } as const;
  const terminal = new Terminal();
  terminal.env = { VNET_PASSWORD: 'near' };
  const { allowPlaintext, login } = (await farSettings(values, terminal))!;
  assert.is(allowPlaintext, false);
  assert.equal(login, { method: 'password', identity: 'default', secret: 'near' });
  assert.is((await farSettings({ ...values, 'far-allow-plaintext': true }, terminal))?.allowPlaintext, true);
  const certificate = { far: 'tls://192.0.2.1', cert: 'c', key: 'k' };
  assert.equal((await farSettings(certificate, terminal))?.login, { method: 'cert', cert: 'c', key: 'k' });
  terminal.env.VNET_FAR_PASSWORD = 'far';
  assert.equal((await farSettings(certificate, terminal))?.login, {
    method: 'password',
    identity: 'default',
    secret: 'far',
  });
  assert.match((await run(trace, ['vm0', ...FRAME, '--far', 'ftp://x'])).stderr, /--far: /);
});

commands('ping has the exit statuses of ping(8)', async () => {
  const answers: readonly (readonly [string, number, RegExp])[] = [
    [
      'PONG wire=0 rtt_us=900\nOK sent=1 received=1 min_us=900 median_us=900 max_us=900',
      0,
      /^wire 0: 900 µs\n1 of 1 came back/,
    ],
    [
      'PONG wire=0 rtt_us=9\nPONG wire=1 lost\nOK sent=2 received=1 min_us=9 median_us=9 max_us=9',
      1,
      /wire 1: lost/,
    ],
    ['PONG wire=0 lost\nOK sent=1 received=0 min_us=- median_us=- max_us=-', 2, /0 of 1 came back\n$/],
    ['OK sent=0 received=0 min_us=- median_us=- max_us=-', 2, /no wire now/],
  ];
  for (const [answer, code, text] of answers) {
    nearSays = (asked) => (asked.startsWith('PING?') ? answer : undefined);
    const done = await run(ping, [HANDLER, '-c', '1']);
    assert.is(done.code, code, answer);
    assert.match(done.stdout, text);
  }
  nearSays = (asked) => (asked.startsWith('PING?') ? 'ERR 404 no-such-handler there is none' : undefined);
  assert.is((await run(ping, [HANDLER])).code, 2);
});

commands('drops tells them in words, and how many more there were', async () => {
  nearSays = (asked) =>
    asked.startsWith('DROPS?')
      ? `DROP time=2026-01-31T12:00:00.000Z handler=${HANDLER} direction=tx reason=too-big source=${VM} destination=${LAN} type=0x0800 vlan=7 length=1600 info="10.0.0.1:1 > 10.0.0.2:2 tcp"\nOK count=1 missed=1234`
      : undefined;
  const { stdout, code } = await run(drops, []);
  assert.is(code, 0);
  assert.is(
    stdout,
    `2026-01-31 12:00:00.000  ${HANDLER.slice(0, 8)}  tx too-big  ${VM} > ${LAN} vlan 7 10.0.0.1:1 > 10.0.0.2:2 tcp, 1600 bytes\n` +
      '1,234 more were dropped and are not kept; `vnet stats` counts them all.\n',
  );
  const json = JSON.parse((await run(drops, [HANDLER, '--json'])).stdout);
  assert.equal([json[0].reason, json[0].length, json[0].vlan], ['too-big', 1600, 7]);
  nearSays = (asked) => (asked.startsWith('DROPS?') ? 'OK count=0 missed=0' : undefined);
  assert.match((await run(drops, [])).stdout, /^Nothing was dropped/);
});

commands('drops that go by too fast to be kept are told of while they are followed', async () => {
  const one = (second: number) =>
    `DROP time=2026-01-31T12:00:0${second}.000Z handler=${HANDLER} direction=tx reason=too-big source=${VM} destination=${LAN} type=0x0800 vlan=- length=1600 info=""`;
  const answers = [
    `${one(1)}\nOK count=1 missed=5`,
    `${one(1)}\n${one(2)}\nOK count=2 missed=5`,
    `${one(2)}\n${one(3)}\nOK count=2 missed=15`,
    'ERR 500 internal enough',
  ];
  nearSays = (asked) => (asked.startsWith('DROPS?') ? answers.shift() : undefined);
  const { stdout } = await run(drops, ['-f']);
  assert.equal(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.replace(/^2026-01-31 12:00:0(\d).*/, '$1')),
    ['1', '2', '3', '… 9 more were dropped and are not kept'],
  );
});

commands.run();
