/**
 * Cases of the packet path: what crosses, what is dropped, in which order (section 3.2). The suite holds both ends:
 *
 *     far LAN ══ wire of a HOST Handler ══ server ── device ── server ══ wire of a PROXY Handler ══ machine M
 *
 * Both Handlers are on one device of the server and carry one address, M, so that what one of them puts there the
 * other one takes.
 */
import { parseAnswerLine } from '../../../../machines/protocol/answers.ts';
import type { Case } from '../case.ts';
import type { CaseContext } from '../case-context.ts';
import { beginWire } from '../drive/preconditions.ts';
import { beginLine, type Instead } from '../names.ts';
import { demand, demandEqual, Nonconformity, NotApplicable } from '../nonconformity.ts';
import { isFrame, type Wire } from '../wire.ts';

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const MULTICAST = '01:00:5e:00:00:fb';
const CONTROL = '01:80:c2:00:00:0e';
export const OTHER = '02:0f:0f:0f:0f:01';
export const THIRD = '02:0f:0f:0f:0f:02';
/** Local experimental EtherType 1 (IEEE 802): nobody else sends it. */
export const ETHERTYPE = 0x88b5;
const TAG = 0x8100;

interface Path {
  readonly mac: string;
  readonly host: Wire;
  readonly hostId: string;
  readonly proxy: Wire;
  readonly proxyId: string;
}

export const octets = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');

/** A frame with a number in it, so that each is known by its bytes. */
export function frame(to: string, from: string, number: number, length = 60): Buffer {
  const bytes = Buffer.alloc(length, 0xaa);
  octets(to).copy(bytes, 0);
  octets(from).copy(bytes, 6);
  bytes.writeUInt16BE(ETHERTYPE, 12);
  if (length >= 18) bytes.writeUInt32BE(number, 14);
  return bytes;
}

async function path(bench: CaseContext, host: Instead = {}, proxy: Instead = {}): Promise<Path> {
  const mac = bench.mac();
  const make = async (roles: string, more: Instead) => {
    const names = { target: bench.target, id: bench.handlerId(), mac, remote: '' };
    const { wire } = await beginWire(
      bench,
      beginLine(names, { roles, ...more }),
      names.id,
      roles.split(' ')[0],
    );
    await wire.ping();
    return { id: names.id, wire };
  };
  const a = await make('HOST PROXY', host);
  const b = await make('PROXY HOST', proxy);
  return { mac, host: a.wire, hostId: a.id, proxy: b.wire, proxyId: b.id };
}

/** The next frame of ours on a wire. */
export async function received(wire: Wire): Promise<Buffer> {
  for (;;) {
    const record = wire.frames.shift() ?? (await wire.next('a frame'));
    if (isFrame(record) && record.payload.readUInt16BE(12) === ETHERTYPE) return record.payload;
  }
}

/** Demands that exactly these arrive, in this order; behind them a frame that always passes is sent as a mark. */
async function arrive(to: Wire, wanted: readonly Buffer[], mark: () => Buffer): Promise<void> {
  const last = mark();
  for (const each of [...wanted, last]) {
    const seen = await received(to);
    if (!seen.equals(each)) {
      throw new Nonconformity(`the frame ${short(each)}`, `the frame ${short(seen)}`);
    }
  }
}

const short = (bytes: Buffer): string => `${bytes.subarray(0, 18).toString('hex')}… (${bytes.length} bytes)`;

/** Sends a frame that passes towards the machine, or away from it. */
const markIn =
  ({ host, mac }: Path) =>
  () => {
    const mark = frame(mac, THIRD, 0xffffffff);
    host.frame(mark);
    return mark;
  };
const markOut =
  ({ proxy, mac }: Path) =>
  () => {
    const mark = frame(THIRD, mac, 0xffffffff);
    proxy.frame(mark);
    return mark;
  };

/** `STAT` whose name holds this word: how many frames were dropped for it. */
async function dropped(bench: CaseContext, id: string, reason: string): Promise<number> {
  const { data } = await bench.ask(`STATS? ${id}`);
  let sum = 0;
  for (const line of data) {
    const answer = parseAnswerLine(line);
    const [name = '', value = ''] = answer.kind === 'data' ? answer.words : [];
    if (name.includes(reason)) sum += Number(value);
  }
  return sum;
}

const frames = (
  id: string,
  title: string,
  run: (bench: CaseContext) => Promise<void>,
  section = '3.2',
): Case => ({
  id: `frames/${id}`,
  title,
  section,
  run,
});

/** Something that is sent towards the machine and must not get there; `reason` is counted. */
const stopped = (
  id: string,
  title: string,
  reason: string,
  make: (path: Path) => Buffer,
  from: 'host' | 'proxy' = 'host',
): Case =>
  frames(id, title, async (bench) => {
    const way = await path(bench);
    const sender = from === 'host' ? way.host : way.proxy;
    const receiver = from === 'host' ? way.proxy : way.host;
    sender.frame(make(way));
    await arrive(receiver, [], from === 'host' ? markIn(way) : markOut(way));
    const count = await dropped(bench, from === 'host' ? way.hostId : way.proxyId, reason);
    demand(count >= 1, `a frame counted as ${reason}`, String(count));
  });

/** Something that gets there, whole and once. */
const passes = (
  id: string,
  title: string,
  make: (path: Path) => Buffer,
  from: 'host' | 'proxy' = 'host',
  options: { host?: Instead; proxy?: Instead } = {},
): Case =>
  frames(id, title, async (bench) => {
    const way = await path(bench, options.host, options.proxy);
    const sent = make(way);
    (from === 'host' ? way.host : way.proxy).frame(sent);
    await arrive(
      from === 'host' ? way.proxy : way.host,
      [sent],
      from === 'host' ? markIn(way) : markOut(way),
    );
  });

function tagged(bytes: Buffer): Buffer {
  const tag = Buffer.alloc(4);
  tag.writeUInt16BE(TAG, 0);
  tag.writeUInt16BE(7, 2);
  return Buffer.concat([bytes.subarray(0, 12), tag, bytes.subarray(12)]);
}

export const FRAME_CASES: readonly Case[] = [
  passes('unicast-in', 'a frame to the machine', ({ mac }) => frame(mac, OTHER, 1)),
  passes('unicast-out', 'a frame of the machine', ({ mac }) => frame(OTHER, mac, 1), 'proxy'),
  passes('broadcast-in', 'a broadcast reaches the machine', () => frame(BROADCAST, OTHER, 1)),
  passes('broadcast-out', 'a broadcast of the machine', ({ mac }) => frame(BROADCAST, mac, 1), 'proxy'),
  passes('multicast-in', 'a multicast reaches the machine', () => frame(MULTICAST, OTHER, 1)),
  passes('full', 'a frame of the whole MTU', ({ mac }) => frame(mac, OTHER, 1, 1514)),
  passes('control-on', 'link-local control crosses with l2cp=on', () => frame(CONTROL, OTHER, 1), 'host', {
    host: { options: 'offload=off mtu=1500 l2cp=on' },
    proxy: { options: 'offload=off mtu=1500 l2cp=on' },
  }),
  stopped('filtered', 'a frame to somebody else', 'filtered', () => frame(OTHER, THIRD, 1)),
  stopped('loop', "a frame with the machine's own address as source", 'loop', ({ mac }) =>
    frame(BROADCAST, mac, 1),
  ),
  stopped(
    'spoofed',
    'a frame of another source than the machine',
    'spoofed',
    () => frame(BROADCAST, OTHER, 1),
    'proxy',
  ),
  stopped('control-off', 'link-local control stays out', 'l2cp', () => frame(CONTROL, OTHER, 1)),
  stopped('too-big', 'a frame longer than the MTU', 'too-big', ({ mac }) => frame(mac, OTHER, 1, 1515)),
  frames('tagged', 'a VLAN tag does not count as length, and stays', async (bench) => {
    const way = await path(bench);
    const sent = tagged(frame(way.mac, OTHER, 1, 1514));
    way.host.frame(sent);
    for (;;) {
      const { payload } = await way.proxy.next('the tagged frame');
      if (payload.length !== sent.length) continue;
      return demandEqual(payload.toString('hex'), sent.toString('hex'), 'the frame');
    }
  }),
  frames('multicast-off', 'PROXY:multicast=off keeps multicast out, and lets broadcast in', async (bench) => {
    const way = await path(bench, {}, { roles: 'PROXY:multicast=off HOST' });
    way.host.frame(frame(MULTICAST, OTHER, 1));
    const broadcast = frame(BROADCAST, OTHER, 2);
    way.host.frame(broadcast);
    await arrive(way.proxy, [broadcast], markIn(way));
  }),
  frames(
    'order',
    'frames keep their order, none comes twice',
    async (bench) => {
      const way = await path(bench);
      const sent = Array.from({ length: 300 }, (_, index) =>
        frame(way.mac, OTHER, index, 60 + (index % 900)),
      );
      for (const each of sent) way.host.frame(each);
      await arrive(way.proxy, sent, markIn(way));
    },
    '6',
  ),
  frames('no-echo', 'a frame does not come back to where it came from', async (bench) => {
    const way = await path(bench);
    way.host.frame(frame(BROADCAST, OTHER, 1));
    await received(way.proxy);
    await arrive(way.host, [], markOut(way));
  }),
  frames('far-mtu', 'a frame longer than the far MTU does not go out', async (bench) => {
    const way = await path(bench, {}, { options: 'offload=off mtu=1000' });
    way.host.frame(frame(way.mac, OTHER, 1, 1400));
    await arrive(way.proxy, [], markIn(way));
    demand((await dropped(bench, way.proxyId, 'too-big')) >= 1, 'a frame counted as too-big', '0');
  }),
  frames('bridge', 'BRIDGE carries everything, and not back', bridge),
  frames('second-bridge', 'a second BRIDGE between the same two segments', async (bench) => {
    const make = () => ({ target: bench.target, id: bench.handlerId(), mac: '*', remote: '' });
    const first = make();
    await beginWire(bench, beginLine(first, { roles: 'BRIDGE BRIDGE' }), first.id, 'BRIDGE');
    const talk = await bench.login();
    bench.refused(await talk.ask(beginLine(make(), { roles: 'BRIDGE BRIDGE' })), 'device-busy');
  }),
  frames('loop-other', 'a frame whose source is the address of another HOST here', async (bench) => {
    const way = await path(bench);
    const other = { target: bench.target, id: bench.handlerId(), mac: bench.mac(), remote: '' };
    const { wire } = await beginWire(bench, beginLine(other), other.id, 'another HOST');
    await wire.ping();
    way.host.frame(frame(BROADCAST, other.mac, 1));
    await arrive(way.proxy, [], markIn(way));
    demand((await dropped(bench, way.hostId, 'loop')) >= 1, 'a frame counted as loop', '0');
  }),
  frames(
    'proxy-out',
    'a PROXY hands on what is for its machine, and nothing of its machine',
    async (bench) => {
      const mac = bench.mac();
      const [bridge, proxy] = [await onDevice(bench, 'BRIDGE', '*'), await onDevice(bench, 'PROXY', mac)];
      bridge.frame(frame(OTHER, THIRD, 1));
      bridge.frame(frame(BROADCAST, mac, 2));
      await arrive(proxy, [], () => {
        const mark = frame(mac, THIRD, 0xffffffff);
        bridge.frame(mark);
        return mark;
      });
    },
  ),
  frames('host-out', 'a HOST hands on what its machine says, and nothing else', async (bench) => {
    const mac = bench.mac();
    const [bridge, host] = [await onDevice(bench, 'BRIDGE', '*'), await onDevice(bench, 'HOST', mac)];
    bridge.frame(frame(BROADCAST, OTHER, 1));
    await arrive(host, [], () => {
      const mark = frame(THIRD, mac, 0xffffffff);
      bridge.frame(mark);
      return mark;
    });
  }),
  frames(
    'options-anew',
    'MTU and options of the BEGIN that takes over count from then on',
    async (bench) => {
      const way = await path(bench);
      const names = { target: bench.target, id: way.proxyId, mac: way.mac, remote: '' };
      const line = beginLine(names, { roles: 'PROXY HOST', options: 'offload=off mtu=1000' });
      const { wire } = await beginWire(bench, line, way.proxyId, 'PROXY again');
      await way.proxy.farewell('replaced');
      await wire.ping();
      way.host.frame(frame(way.mac, OTHER, 1, 1400));
      await arrive(wire, [], markIn(way));
    },
    '4',
  ),
  frames(
    'rate',
    'past rate= frames are dropped, and counted',
    async (bench) => {
      const way = await path(bench, { options: 'offload=off mtu=1500 rate=8k' });
      // 280 KB where 1 KB a second may pass: whatever a server lets through at once is less.
      for (let count = 0; count < 200; count++) way.host.frame(frame(way.mac, OTHER, count, 1400));
      await way.host.ping();
      demand((await dropped(bench, way.hostId, 'rate')) >= 1, 'a frame counted as rate', '0');
    },
    '3',
  ),
  frames(
    'bcast-rate',
    'past bcast-rate= broadcasts are dropped, and nothing else',
    async (bench) => {
      const way = await path(bench, { options: 'offload=off mtu=1500 bcast-rate=1' });
      for (let count = 0; count < 50; count++) way.host.frame(frame(BROADCAST, OTHER, count));
      const mark = markIn(way)();
      let passed = 0;
      while (!(await received(way.proxy)).equals(mark)) passed++;
      demand(passed < 50, 'fewer than 50 broadcasts', String(passed));
      demand((await dropped(bench, way.hostId, 'rate')) >= 1, 'a frame counted as rate', '0');
    },
    '3',
  ),
  frames(
    'sums',
    'what was seen is what passed and what was dropped',
    async (bench) => {
      const way = await path(bench);
      way.host.frame(frame(OTHER, THIRD, 1));
      await arrive(way.proxy, [], markIn(way));
      const { data } = await bench.ask(`STATS? ${way.hostId}`);
      const stats = new Map(data.map((line) => [line.split(' ')[1] ?? '', Number(line.split(' ')[2])]));
      if (!stats.has('rx_seen')) throw new NotApplicable('its STATS? has other names');
      for (const direction of ['rx', 'tx']) {
        let sum = stats.get(`${direction}_frames`) ?? 0;
        for (const [name, value] of stats) if (name.startsWith(`${direction}_dropped_`)) sum += value;
        demandEqual(
          String(stats.get(`${direction}_seen`)),
          String(sum),
          `${direction}_seen, the sum of all:`,
        );
      }
    },
    '3',
  ),
];

/** One end of a Handler on the device, by its role. */
async function onDevice(bench: CaseContext, role: 'BRIDGE' | 'PROXY' | 'HOST', mac: string): Promise<Wire> {
  const far = { BRIDGE: 'BRIDGE', PROXY: 'HOST', HOST: 'PROXY' }[role];
  const names = { target: bench.target, id: bench.handlerId(), mac, remote: '' };
  const { wire } = await beginWire(bench, beginLine(names, { roles: `${role} ${far}` }), names.id, role);
  await wire.ping();
  return wire;
}

async function bridge(bench: CaseContext): Promise<void> {
  const make = async (far: string) => {
    const names = { target: bench.target, id: bench.handlerId(), mac: '*', remote: '' };
    const line = beginLine(names, { roles: 'BRIDGE BRIDGE', far });
    const { wire } = await beginWire(bench, line, names.id, `BRIDGE to ${far}`);
    await wire.ping();
    return wire;
  };
  const [left, right] = [await make('br0'), await make('br1')];
  const sent = [frame(OTHER, THIRD, 1), frame(BROADCAST, THIRD, 2), frame(MULTICAST, OTHER, 3)];
  for (const each of sent) left.frame(each);
  const mark = frame(OTHER, THIRD, 99);
  await arrive(right, sent, () => {
    left.frame(mark);
    return mark;
  });
  const back = frame(THIRD, OTHER, 98);
  await arrive(left, [], () => {
    right.frame(back);
    return back;
  });
}
