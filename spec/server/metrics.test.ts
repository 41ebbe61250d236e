/** What the metrics of a server tell, and to whom. */
import * as assert from 'uvu/assert';
import type { HttpAnswer, HttpRequest } from '../../io/ports.ts';
import { compilePolicy, type PolicyRule } from '../../machines/policy/policy.ts';
import { Access, type AccessWorld } from '../../tools/vnet/serve/http/access.ts';
import { type AnswerWorld, answers } from '../../tools/vnet/serve/http/answers.ts';
import { Expositions } from '../../tools/vnet/serve/metrics/exposition.ts';
import { figuresOf } from '../../tools/vnet/serve/metrics/figures.ts';
import { handle, MAC, only, pair } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Station } from '../support/station.ts';
import type { MemoryWorld } from '../support/world.ts';

const scenario = scenarios('metrics');

const PROCESS = {
  started: 1_700_000_000,
  cpuUser: 1.5,
  cpuSystem: 0.25,
  resident: 1000,
  heap: 500,
  descriptors: 20,
  descriptorsLimit: undefined,
  loopActive: 2,
  loopIdle: 8,
  loopDelay: 0.001,
};
const BESIDE = { diagnosticsDropped: 3, certificateEnds: undefined };
const FACTS = {
  rttMicros: 11_000,
  leastRttMicros: 10_000,
  retransmitted: 4,
  congestion: 'bbr',
  unsent: 70,
  unacknowledged: 90,
  deliveryRate: 800,
};
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const frame = (source: string, bytes: number) =>
  Buffer.from(
    (BROADCAST + source)
      .replaceAll(':', '')
      .concat('0800')
      .padEnd(2 * bytes, '0'),
    'hex',
  );

/** Samples by name and labels as they stand there. */
function samples(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

async function collected(station: Station, sees?: (handler: string) => boolean, accept?: string) {
  const expositions = new Expositions();
  const ask = async () => expositions.text(figuresOf(station.server, PROCESS, BESIDE, sees), accept);
  await ask();
  // The second time as well: nothing adds up in the registry.
  return ask();
}

scenario('every STAT of every Handler, its wires and its device', async (world) => {
  const { host, client } = await pair(world);
  const id = await handle(client, { options: 'l2cp=off' });
  await world.settle();
  const [wire] = only(host).standingWires.values();
  Object.assign(wire!, { tcpFacts: () => FACTS });
  const [device] = host.devices.opened('vm0');
  device!.kernelDrops = () => 600;
  host.devices
    .hub('vm0')
    .attach({ mtu: 65_535 })
    .send([frame(MAC, 60), frame(MAC, 1_600)]);
  await world.elapse(20);
  const { text, type } = await collected(host);
  const found = samples(text);
  const of = (name: string, more = '') => {
    const labels = `handler="${id}",peer="tcp://proxy:7411",local_device="vm0"`;
    return found.get(`${name}{${labels}${more}}`);
  };
  assert.is(type, 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  assert.ok(text.endsWith('\n# EOF\n'));
  assert.match(text, /^# TYPE vnet_handler_frames counter$/m);
  assert.is(of('vnet_handler_up'), 1);
  assert.is(of('vnet_handler_info', ',side="initiator",remote_device="lan0"'), 1);
  assert.is(of('vnet_handler_seen_frames_total', ',direction="tx"'), 2);
  assert.is(of('vnet_handler_frames_total', ',direction="tx"'), 1);
  assert.is(of('vnet_handler_frames_total', ',direction="rx"'), 0);
  assert.is(of('vnet_handler_bytes_total', ',direction="tx"'), 60);
  assert.is(of('vnet_handler_kernel_dropped_frames_total'), 600);
  assert.is(of('vnet_wire_info', ',wire="0",congestion="bbr"'), 1);
  assert.is(of('vnet_wire_rtt_seconds', ',wire="0"'), 0.011);
  assert.is(of('vnet_wire_retransmitted_segments_total', ',wire="0"'), 4);
  assert.is(of('vnet_wire_unsent_bytes', ',wire="0"'), 70);
  assert.is(of('vnet_wire_delivery_rate_bytes_per_second', ',wire="0"'), 100);
  assert.is(found.get('vnet_device_handlers{device="packet:vm0"}'), 1);
  assert.is(found.get('vnet_device_kernel_dropped_frames_total{device="packet:vm0"}'), 600);
  for (const [stat, value] of await stats(client, id)) {
    const [name, labels] = metricOf(stat);
    const unit = stat.endsWith('_rtt_us') ? 1e6 : stat.endsWith('_delivery_rate') ? 8 : 1;
    assert.is(of(name, labels), stat.endsWith('_congestion') ? 1 : value / unit, stat);
  }
  assert.is(of('vnet_handler_dropped_frames_total', ',direction="tx",reason="too-big"'), 1);
});

/** The metric of a STAT, and its further labels. @throws Error for one that has none */
function metricOf(stat: string): readonly [name: string, labels: string] {
  const [, direction, what = '', reason] = /^([rt]x)_(seen|frames|bytes|dropped)(?:_(.*))?$/.exec(stat) ?? [];
  if (direction !== undefined) {
    const name = { seen: 'seen_frames', dropped: 'dropped_frames' }[what] ?? what;
    const why = reason === undefined ? '' : `,reason="${reason}"`;
    return [`vnet_handler_${name}_total`, `,direction="${direction}"${why}`];
  }
  const [, wire, figure = ''] = /^wire(\d+)_(.*)$/.exec(stat) ?? [];
  const name = OTHERS[figure === '' ? stat : figure];
  if (name === undefined) throw new Error(`no metric tells of STAT ${stat}`);
  return [
    name,
    wire === undefined ? '' : `,wire="${wire}"${figure === 'congestion' ? ',congestion="bbr"' : ''}`,
  ];
}

const OTHERS: Readonly<Record<string, string>> = {
  kernel_dropped: 'vnet_handler_kernel_dropped_frames_total',
  device_interruptions: 'vnet_handler_device_interruptions_total',
  rtt_us: 'vnet_wire_rtt_seconds',
  retransmitted: 'vnet_wire_retransmitted_segments_total',
  congestion: 'vnet_wire_info',
  unsent: 'vnet_wire_unsent_bytes',
  delivery_rate: 'vnet_wire_delivery_rate_bytes_per_second',
};

async function stats(client: { list(line: string): Promise<readonly string[]> }, id: string) {
  const lines = await client.list(`STATS? ${id}`);
  return lines.map((line) => {
    const [, name = '', value] = line.split(' ');
    return [name, Number(value)] as const;
  });
}

scenario('the server itself, its log, its process', async (world) => {
  const { host, client } = await pair(world);
  await handle(client);
  const { text } = await collected(host);
  const found = samples(text);
  assert.is(found.get(`vnet_build_info{name="host",version="0.0.0",node="${process.versions.node}"}`), 1);
  assert.is(found.get('vnet_sessions'), 1);
  assert.is(found.get('vnet_sessions_unauthenticated'), 0);
  assert.is(found.get('vnet_handlers{state="binary"}'), 1);
  assert.is(found.get('vnet_log_records_total'), host.server.journal.position);
  assert.is(found.get('vnet_log_writable'), 1);
  assert.is(found.get('vnet_log_sound'), 1);
  assert.is(found.get('vnet_diagnostics_dropped_lines_total'), 3);
  assert.is(found.get('vnet_process_cpu_seconds_total{mode="user"}'), 1.5);
  assert.is(found.get('vnet_event_loop_idle_seconds_total'), 8);
  assert.not.ok(found.has('vnet_certificate_end_timestamp_seconds'), 'there is none');
  assert.not.ok(found.has('vnet_process_descriptors_limit'), 'there is no limit');
});

scenario('what is gone is told of no more', async (world) => {
  const { host, client } = await pair(world);
  const id = await handle(client);
  const expositions = new Expositions();
  const ask = async () => (await expositions.text(figuresOf(host.server, PROCESS, BESIDE), undefined)).text;
  assert.match(await ask(), id);
  await client.ask(`CLOSE ${id}`, 5_000);
  const after = await ask();
  assert.not.match(after, id);
  assert.not.match(after, 'vnet_device_handlers{');
});

scenario('two questions at once, in both forms, get whole answers of their own', async (world) => {
  const { host, client } = await pair(world);
  const id = await handle(client);
  const expositions = new Expositions();
  const ask = (sees: (handler: string) => boolean, accept?: string) =>
    expositions.text(figuresOf(host.server, PROCESS, BESIDE, sees), accept);
  const [all, none, plain] = await Promise.all([
    ask(() => true),
    ask(() => false),
    ask(() => true, 'text/plain;version=0.0.4'),
  ]);
  assert.match(all.text, id);
  assert.not.match(none.text, id);
  assert.not.match(none.text, 'device="packet:vm0"');
  assert.is(plain.type, 'text/plain; version=0.0.4; charset=utf-8');
  assert.match(plain.text, /^# TYPE vnet_handler_frames_total counter$/m);
  assert.not.match(plain.text, '# EOF');
  const names = (text: string) => [...samples(text).keys()].sort();
  assert.equal(names(plain.text), names(all.text));
});

const asking = (path: string, credentials?: string): HttpRequest => ({
  path,
  accept: undefined,
  address: '203.0.113.9',
  authorization:
    credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`,
});

function worldOf(station: Station, open: boolean, rules?: readonly PolicyRule[]) {
  const policy = rules === undefined ? undefined : compilePolicy({ rules });
  if (typeof policy === 'string') throw new Error(policy);
  const { server } = station;
  const access: AccessWorld = {
    clock: server.clock,
    authenticator: station.authenticator,
    configuration: policy ?? { forbids: () => undefined },
    handlers: {
      owners: (id) => server.handlers.byId(id).map(({ context }) => context.identity),
      count: () => 0,
    },
  };
  const around: AnswerWorld = {
    server,
    ready: () => true,
    beside: () => BESIDE,
    access: open ? undefined : new Access(access),
  };
  return around;
}

/** Lets the time pass that a password takes to be checked. */
async function answered(world: MemoryWorld, asked: HttpAnswer | Promise<HttpAnswer>): Promise<HttpAnswer> {
  let answer: HttpAnswer | undefined;
  void Promise.resolve(asked).then((one) => {
    answer = one;
  });
  for (let i = 0; i < 100 && answer === undefined; i++) {
    await world.elapse(10);
    await new Promise((turn) => setImmediate(turn));
  }
  if (answer === undefined) throw new Error('no answer');
  return answer;
}

scenario('elsewhere the metrics want an identity whose rule allows STATUS? and STATS?', async (world) => {
  const { host, client } = await pair(world, {
    host: { passwords: { default: 'secret-of-host', other: 'other-secret', low: 'low-secret' } },
  });
  const id = await handle(client);
  const answer = answers(
    worldOf(host, false, [
      { name: 'ops', identities: ['default'], commands: ['STATUS?', 'STATS?'], handlers: 'all' },
      { name: 'own', identities: ['other'], commands: ['STATUS?', 'STATS?'] },
      { name: 'few', identities: ['low'], commands: ['STATUS?'] },
    ]),
  );
  const ask = (credentials?: string) => answered(world, answer(asking('/metrics', credentials)));
  const stranger = await ask();
  assert.is(stranger.status, 401);
  assert.match(stranger.headers?.['WWW-Authenticate'] ?? '', /^Basic realm=/);
  assert.is((await ask('default:wrong')).status, 401);
  assert.is((await ask('no colon')).status, 401);
  const all = await ask('default:secret-of-host');
  assert.is(all.status, 200);
  assert.match(all.text, id);
  const own = await ask('other:other-secret');
  assert.is(own.status, 200);
  assert.not.match(own.text, id, 'the Handler of another identity');
  const few = await ask('low:low-secret');
  assert.equal([few.status, few.text], [403, 'STATS? is not among the commands of this rule (rule few)\n']);
  assert.is((await answered(world, answer(asking('/healthz')))).status, 200, 'asks for none');
});

scenario('who guesses passwords is put off, for a while', async (world) => {
  const { host } = await pair(world);
  const answer = answers(worldOf(host, false));
  const ask = (credentials: string) => answered(world, answer(asking('/metrics', credentials)));
  for (let i = 0; i < 11; i++) assert.is((await ask(`default:wrong-${i}`)).status, 401);
  const later = await ask('default:secret-of-host');
  assert.is(later.status, 429);
  assert.is(later.headers?.['Retry-After'], '2');
  await world.elapse(61_000);
  assert.is((await ask('default:secret-of-host')).status, 200);
});

scenario('/healthz tells that the log cannot be written, and whose business it is why', async (world) => {
  const { host } = await pair(world);
  const around = worldOf(host, true);
  const ask = async (change: Partial<AnswerWorld> = {}) =>
    await answers({ ...around, ...change })(asking('/healthz'));
  assert.equal([(await ask()).status, (await ask()).text], [200, 'ok\n']);
  const early = await ask({ ready: () => false });
  assert.equal([early.status, /READY/.test(early.text)], [503, true]);
  const journal = { available: false, position: 1, status: 'failing: no space in /var/x, held=3' };
  const broken = Object.assign(Object.create(host.server), { journal }) as typeof host.server;
  const here = await ask({ server: broken });
  assert.is(here.status, 503);
  assert.match(here.text, 'the log cannot be written (failing: no space in /var/x, held=3)');
  const there = await ask({ server: broken, access: worldOf(host, false).access });
  assert.is(there.status, 503);
  assert.not.match(there.text, '/var/x');
});

scenario('other paths are 404, and / says where to look', async (world) => {
  const { host } = await pair(world);
  const answer = answers(worldOf(host, true));
  const page = await answer(asking('/'));
  assert.equal([page.status, /\/metrics.*\/healthz/.test(page.text)], [404, true]);
  for (const path of ['/metrics/', '/METRICS', '/x', '']) {
    assert.is((await answer(asking(path))).status, 404, path);
  }
});

scenario.run();
