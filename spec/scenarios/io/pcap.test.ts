/**
 * The pcap backend on a real cable, in a network namespace of this process alone:
 *
 *     [pcap device] pcap0 ──── veth ──── far0 [raw socket of another program]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TAGS_REFUSED } from '../../../io/device/advice.ts';
import { openPcap } from '../../../io/device/pcap-device.ts';
import { DeviceError, type DeviceSink, type FrameDevice, type InterfaceInfo } from '../../../io/ports.ts';
import { type FrameDeviceBench, frameDeviceSuite } from '../../suites/frame-device.ts';
import { parseRecords, record, testFrame } from '../../suites/frames.ts';
import { inOwnNamespace, ip, veth } from '../../suites/own-namespace.ts';
import { RawStation } from '../../suites/raw-station.ts';
import { until } from '../../suites/until.ts';

function info(name: string): InterfaceInfo {
  type Shown = { ifindex: number; mtu: number; address: string };
  const [link] = JSON.parse(ip(`-j link show dev ${name}`)) as [Shown];
  return { name, ifindex: link.ifindex, kind: 'veth', mac: link.address, mtu: link.mtu, up: true };
}

const removeCable = (): void => {
  if (ip('-j link').includes('"pcap0"')) ip('link del pcap0');
};

async function cable(): Promise<FrameDeviceBench & { station: RawStation; told: string[] }> {
  veth('pcap0', 'far0');
  const station = await RawStation.open('far0');
  const told: string[] = [];
  const device = await openPcap(info('pcap0'), (text) => told.push(text));
  return {
    device,
    told,
    station,
    removeInterface: () => void ip('link del pcap0'),
    setInterface: (up) => void ip(`link set pcap0 ${up ? 'up' : 'down'}`),
    async tearDown() {
      await device.close();
      await station.close();
      removeCable();
    },
  };
}

class Heard implements DeviceSink {
  readonly frames_: Buffer[] = [];
  readonly reasons: string[] = [];
  frames(batch: Parameters<DeviceSink['frames']>[0]): void {
    for (const { payload } of parseRecords(batch.buffer.subarray(batch.start, batch.end)))
      this.frames_.push(payload);
  }
  gone(reason: string): void {
    this.reasons.push(reason);
  }
}

const children = (): number[] =>
  readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);

const isRunning = (pid: number): boolean => {
  if (!existsSync(`/proc/${pid}`)) return false;
  return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
};

/** Sends frames without pause, from another process, until it is killed. */
function flood(ifname: string, length: number): ChildProcess {
  const program = `
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind(('${ifname}', 0))
frame = bytes.fromhex('02000000000b02000000000a88b5').ljust(${length}, b'x')
while True:
    try: s.send(frame)
    except OSError: pass
`;
  return spawn('python3', ['-c', program], { stdio: 'ignore' });
}

async function failure(promise: Promise<FrameDevice>): Promise<DeviceError> {
  try {
    await (await promise).close();
  } catch (error) {
    assert.instance(error, DeviceError);
    return error as DeviceError;
  }
  throw new Error('it opened');
}

/** Runs pcap-open.ts, with other words in front where given. Resolves with what it says first. */
async function opener(words: readonly string[], ...front: string[]) {
  const file = fileURLToPath(new URL('./pcap-open.ts', import.meta.url));
  const argv = [...front, process.execPath, ...process.execArgv, file, ...words];
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await until('the opener speaks', () => text.includes('\n') || child.exitCode !== null);
  type Said = { opened?: boolean; child?: number; reason?: string; text?: string };
  return { child, said: JSON.parse(text.split('\n')[0] ?? '{}') as Said };
}

function ownTests(): void {
  const test = suite('pcap on its own');

  const onCable = (what: string, body: (bench: Awaited<ReturnType<typeof cable>>) => Promise<void>): void => {
    test(what, async () => {
      const bench = await cable();
      try {
        await body(bench);
      } finally {
        await bench.tearDown();
      }
    });
  };

  test('no such interface', async () => {
    const missing = { name: 'nope0', ifindex: 99, kind: 'veth', mac: '', mtu: 1500, up: true } as const;
    const error = await failure(openPcap(missing));
    assert.is(error.reason, 'no-such-device');
    assert.match(error.message, /no interface nope0/);
  });

  test('an interface that carries no Ethernet', async () => {
    ip('tuntap add mode tun name tun9');
    ip('link set tun9 up');
    const error = await failure(openPcap(info('tun9')));
    ip('link del tun9');
    assert.is(error.reason, 'bad-device');
    assert.match(error.message, /tun9 carries no Ethernet frames/);
  });

  test('another interface that took the name', async () => {
    veth('pcap0', 'far0');
    const error = await failure(openPcap({ ...info('pcap0'), ifindex: 9999 }));
    removeCable();
    assert.is(error.reason, 'no-such-device');
  });

  test('without CAP_NET_RAW it is forbidden, and the capability is named', async () => {
    veth('pcap0', 'far0');
    const words = ['pcap0', String(info('pcap0').ifindex)];
    const { said } = await opener(words, 'setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw');
    removeCable();
    assert.is(said.reason, 'forbidden');
    assert.match(said.text ?? '', /CAP_NET_RAW/);
  });

  test('without a descriptor left it says so', async () => {
    const { said } = await opener(['lo', '1', 'starved'], 'prlimit', '--nofile=256:256');
    assert.is(said.reason, 'internal');
    assert.match(said.text ?? '', /no process for pcap on lo: .*EMFILE.*limit of open files/);
  });

  test('an interface that is down opens, and works when it comes up', async () => {
    veth('pcap0', 'far0');
    ip('link set pcap0 down');
    const station = await RawStation.open('far0');
    const device = await openPcap(info('pcap0'));
    const heard = new Heard();
    device.start(heard);
    ip('link set pcap0 up');
    await until('a frame comes in', () => {
      station.send([testFrame(1, { length: 60 })]);
      return heard.frames_.length > 0;
    });
    assert.equal(heard.reasons, []);
    await device.close();
    await station.close();
    removeCable();
  });

  test('an interface that got another name while it was down goes on, and not the one that took its name', async () => {
    veth('pcap0', 'far0');
    const station = await RawStation.open('far0');
    const device = await openPcap(info('pcap0'));
    const heard = new Heard();
    device.start(heard);
    ip('link set pcap0 down');
    ip('link set pcap0 name other0');
    ip('link add pcap0 type bridge');
    ip('link set pcap0 up');
    ip('link set other0 up');
    await until('a frame comes in', () => {
      station.send([testFrame(1, { length: 60 })]);
      return heard.frames_.length > 0;
    });
    assert.equal(heard.reasons, []);
    await device.close();
    await station.close();
    ip('link del pcap0');
    ip('link del other0');
  });

  onCable('a super-frame comes whole', async ({ device, station }) => {
    const heard = new Heard();
    device.start(heard);
    // IPv4 and TCP with 64,000 bytes of data, of which the kernel would make 44 segments (virtio_net_hdr: GSO_TCPV4)
    const frame = Buffer.alloc(14 + 20 + 20 + 64_000, 0x42);
    frame.write('02000000000b02000000000a0800', 0, 'hex');
    frame.write('45000000000040004006000', 14, 'hex');
    frame.writeUInt16BE(frame.length - 14, 16);
    frame.write('0a0000010a000002', 26, 'hex');
    frame.writeUInt8(0x50, 46);
    const header = Buffer.from([1, 1, 54, 0, 0xb4, 0x05, 34, 0, 16, 0]);
    station.sendSuper(header, frame);
    await until('the super-frame', () => heard.frames_.length > 0);
    assert.is(station.errors, '');
    assert.ok(heard.frames_[0]!.equals(frame));
  });

  onCable('what the kernel refused is charged to a later write', async ({ device, station }) => {
    device.start(new Heard());
    const long = record(testFrame(1, { length: 4000 })); // over the MTU: EMSGSIZE, in the child
    assert.is(device.write(long, 0, long.length).written, 1);
    const good = record(testFrame(2, { length: 100 }));
    let [writes, written, refused, writtenBytes] = [0, 0, 0, 0];
    const write = () => {
      const outcome = device.write(good, 0, good.length);
      writes += 1;
      written += outcome.written;
      refused += outcome.refused;
      writtenBytes += outcome.writtenBytes;
    };
    await until('the refusal', () => {
      write();
      return refused > 0;
    });
    for (let i = 0; i < 40; i++) write(); // until its bytes are charged as well
    assert.is(written + refused, writes);
    assert.is(refused, 1);
    assert.is(writtenBytes, 100 * writes - 4000);
    await until('all good ones arrive', () => station.heard.length === writes);
  });

  onCable(
    'what the kernel refuses for its VLAN tags is counted apart, and told of',
    async ({ device, told }) => {
      const tagged = (tpid: number) => {
        const frame = Buffer.from(testFrame(1, { length: 1518 }));
        frame.writeUInt32BE(tpid * 0x10000 + 5, 12);
        return record(frame);
      };
      const region = Buffer.concat([0x8100, 0x88a8, 0x9100].map(tagged));
      let [refused, tooLong] = [0, 0];
      device.write(region, 0, region.length);
      const good = record(testFrame(2, { length: 100 }));
      await until('the refusals', () => {
        const outcome = device.write(good, 0, good.length);
        refused += outcome.refused;
        tooLong += outcome.tooLong;
        return refused >= 2;
      });
      assert.equal([refused, tooLong], [2, 2]);
      assert.equal(told, [TAGS_REFUSED]);
    },
  );

  onCable('what its process does not take is counted, not queued without limit', async (bench) => {
    const { device, station } = bench;
    device.start(new Heard());
    const [, child] = children();
    process.kill(child!, 'SIGSTOP');
    const region = Buffer.concat(
      Array.from({ length: 100 }, (_, i) => record(testFrame(i, { length: 1000 }))),
    );
    let [written, queueFull] = [0, 0];
    for (let i = 0; i < 200; i++) {
      const outcome = device.write(region, 0, region.length);
      written += outcome.written;
      queueFull += outcome.queueFull;
    }
    assert.is(written + queueFull, 20_000);
    assert.ok(written * 1004 < 4e6 && queueFull > 10_000, `${written} written, ${queueFull} not`);
    process.kill(child!, 'SIGCONT');
    await until('what was taken arrives', () => station.heard.length === written);
  });

  onCable('when its process dies it is interrupted, and carries again', async ({ device, station }) => {
    const heard = new Heard();
    const told: string[] = [];
    device.start({
      frames: (batch) => heard.frames(batch),
      gone: (reason) => heard.gone(reason),
      interrupted: (why) => told.push(why),
      recovered: () => told.push('recovered'),
    });
    const [, child] = children(); // the station's is the first
    process.kill(child!, 'SIGKILL');
    await until('interrupted', () => told.length > 0);
    const bytes = record(testFrame(1, { length: 100 }));
    const { written, refused } = { ...device.write(bytes, 0, bytes.length) };
    assert.equal([written, refused], [0, 1], 'what finds no process is counted');
    await until('recovered', () => told.length > 1);
    assert.match(told[0]!, /pcap process of pcap0 ended by SIGKILL/);
    assert.is(told[1], 'recovered');
    device.write(bytes, 0, bytes.length);
    station.send([testFrame(2, { length: 60 })]);
    await until('both ways', () => station.heard.length === 1 && heard.frames_.length === 1);
    assert.equal(heard.reasons, []);
  });

  onCable('its process leaves the signals of terminal and service manager to us', async (bench) => {
    const { device, station } = bench;
    const heard = new Heard();
    device.start(heard);
    const [, child] = children();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(child!, signal);
    station.send([testFrame(1, { length: 60 })]);
    await until('it still carries', () => heard.frames_.length > 0);
    assert.equal(heard.reasons, []);
  });

  onCable('paused under a flood: the kernel drops, memory is bounded, writing goes on', async (bench) => {
    const { device, station } = bench;
    let count = 0;
    device.start({
      frames(batch) {
        count += batch.frames;
      },
      gone: () => undefined,
    });
    device.pause();
    const before = process.memoryUsage().rss;
    const flooding = flood('far0', 1000);
    try {
      await until('drops', () => device.kernelDrops() > 100);
      const bytes = record(testFrame(7, { length: 321 }));
      // A cable under such a flood may lose a frame: it is written until it is heard.
      const crosses = (what: string) => {
        const before = station.heard.length;
        return until(what, () => {
          device.write(bytes, 0, bytes.length);
          return station.heard.length > before;
        });
      };
      await crosses('it writes while blocked');
      assert.is(count, 0);
      assert.ok(process.memoryUsage().rss - before < 64e6);
      device.resume();
      await until('it reads again', () => count > 1000);
      await crosses('it writes under a flood');
      await device.close();
    } finally {
      flooding.kill('SIGKILL');
    }
  });

  for (const mode of ['idle', 'flooded', 'paused']) {
    test(`no process is left when its parent is killed: ${mode}`, async () => {
      veth('pcap0', 'far0');
      const { child, said } = await opener(['pcap0', String(info('pcap0').ifindex), mode]);
      assert.ok(said.opened === true && isRunning(said.child!));
      const flooding = mode === 'idle' ? undefined : flood('far0', 60);
      if (flooding !== undefined)
        await until(
          'flood',
          () => Number(/pcap0:\s*(\d+)/.exec(readFileSync('/proc/net/dev', 'utf8'))![1]) > 1e6,
        );
      child.kill('SIGKILL');
      await until('the child ends', () => !isRunning(said.child!));
      flooding?.kill('SIGKILL');
      removeCable();
    });
  }

  test('no process of ours is left', () => until('children end', () => children().length === 0));

  test.run();
}

if (inOwnNamespace(import.meta.url)) {
  frameDeviceSuite('pcap', cable);
  ownTests();
}
