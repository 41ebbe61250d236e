/** Cases of rules that lie across sessions and Handlers: lists, limits, takeovers, failures (sections 3 to 5, 7). */
import { parseAnswerLine } from '../../../../machines/protocol/answers.ts';
import { formatHello } from '../../../../machines/protocol/format.ts';
import type { Case } from '../case.ts';
import type { CaseContext } from '../case-context.ts';
import { strangersCertificate } from '../certificate.ts';
import { awaitBegin, beginWire, namesFor, standing } from '../drive/preconditions.ts';
import { beginLine, handleLine } from '../names.ts';
import { demand, demandEqual, NotApplicable } from '../nonconformity.ts';

const HANDLER_KEYS =
  'state side peer local_device remote_device local_config remote_config macs rx_frames rx_bytes tx_frames tx_bytes dropped rtt_us since';
const DEVICE_KEYS = 'kind mac mtu state backends local handlers kernel_dropped';
const STATUS_KEYS = 'version name uptime pid sessions handlers log_position log_state';
/** Sessions of one address that may be unauthenticated at once. */
const STRANGERS = 8;

const rule = (
  id: string,
  section: string,
  title: string,
  run: (bench: CaseContext) => Promise<void>,
  late = false,
): Case => ({ id: `rules/${id}`, title, section, run, ...(late ? { late } : {}) });

export const RULE_CASES: readonly Case[] = [
  rule('handlers-list', '3', 'HANDLERS? tells all of a Handler', async (bench) => {
    const { id, mac } = await standing(bench);
    const fields = (await bench.handler(id)) ?? {};
    const missing = HANDLER_KEYS.split(' ').filter((key) => fields[key] === undefined);
    demandEqual(missing.join(' '), '', 'missing fields');
    demandEqual(fields.macs ?? '', mac, 'macs=');
    demandEqual(fields.local_device ?? '', bench.target.device, 'local_device=');
    demandEqual(fields.remote_device ?? '', 'br0', 'remote_device=');
    demandEqual(`${fields.local_config} ${fields.remote_config}`, 'HOST PROXY', 'roles');
    demand(!Number.isNaN(Date.parse(fields.since ?? '')), 'since= in RFC 3339', fields.since ?? '');
  }),
  rule('devices-list', '3', 'DEVICES? tells all of a device, and counts its Handlers', async (bench) => {
    await standing(bench);
    const line = await deviceLine(bench);
    const missing = DEVICE_KEYS.split(' ').filter((key) => line.fields[key] === undefined);
    demandEqual(missing.join(' '), '', 'missing fields');
    demand(Number(line.fields.handlers) >= 1, 'handlers=1 or more', line.fields.handlers ?? '');
  }),
  rule(
    'status',
    '3',
    'STATUS? tells version, name, uptime, pid, sessions, handlers and log',
    async (bench) => {
      const { data } = await bench.ask('STATUS?');
      const keys = data.map((line) => line.split(' ')[1] ?? '');
      const missing = STATUS_KEYS.split(' ').filter((key) => !keys.includes(key));
      demandEqual(missing.join(' '), '', 'missing keys');
    },
  ),
  rule('stats', '3', 'STATS? lists numbers by name', async (bench) => {
    const { id } = await standing(bench);
    const { data } = await bench.ask(`STATS? ${id}`);
    const stray = data.find((line) => !/^STAT \S+ \d+$/.test(line));
    demand(data.length > 0 && stray === undefined, 'STAT <name> <value>', stray ?? 'none');
  }),
  rule('ninth', '4', 'the ninth session of an address that is not authenticated', async (bench) => {
    await bench.boss();
    const strangers = [];
    for (let count = 0; count < STRANGERS; count++)
      strangers.push(await bench.greeted(`stranger ${count + 1}`));
    const ninth = await bench.dial('ninth');
    bench.refused(await ninth.answer('ERR 429 in place of the greeting'), 'too-many-sessions');
    await ninth.over();
    const [first] = strangers;
    bench.good(await first!.ask('HELP?'), 'the first one to go on');
  }),
  rule('done', '3', 'DONE leaves Handlers in place', async (bench) => {
    const standIn = await bench.standIn();
    const talk = await bench.login();
    talk.say(handleLine(namesFor(bench, standIn.url)));
    const { visit, id } = await awaitBegin(standIn);
    bench.closeLater(id);
    const wire = visit.takeBegin({
      handler: id,
      options: { offload: false, announce: true, l2cp: false },
      mtu: 1500,
    });
    bench.good(await talk.answer('OK to HANDLE'));
    bench.good(await talk.ask('DONE'));
    await talk.over();
    await wire.ping();
    await bench.handlerIs(id, 'binary');
  }),
  rule('client-gone', '3', 'a client that goes away during HANDLE leaves the Handler', async (bench) => {
    const standIn = await bench.standIn();
    const talk = await bench.login();
    talk.say(handleLine(namesFor(bench, standIn.url)));
    const { visit, id } = await awaitBegin(standIn);
    bench.closeLater(id);
    talk.cut();
    const wire = visit.takeBegin({
      handler: id,
      options: { offload: false, announce: true, l2cp: false },
      mtu: 1500,
    });
    await wire.ping();
    await bench.handlerIs(id, 'binary');
  }),
  rule('watch', '3', 'the next line ends a watch, and is carried out', async (bench) => {
    const talk = await bench.login();
    bench.good(await talk.ask('WATCH'), 'OK to WATCH');
    await bench.ask('STATUS?');
    demand((await talk.line('an EVENT line')).startsWith('EVENT '), 'an EVENT line', 'another');
    talk.say('STATUS?');
    bench.good(await talk.answer('the answer to STATUS?', true), 'OK to STATUS?');
    for (let count = 0; count < 3; count++) await bench.ask('STATUS?');
    const { data } = await talk.ask('HELP?');
    const stray = data.find((line) => !line.startsWith('HELP '));
    demand(stray === undefined, 'no EVENT behind the end of a watch', stray ?? '');
  }),
  rule('watch-slow', '3', 'who watches and does not read slows nobody down', slowWatcher),
  rule('mtu', '3', 'mtu= in the answer to BEGIN is that of the device', async (bench) => {
    const names = namesFor(bench);
    const { fields } = await beginWire(bench, beginLine(names), names.id);
    demandEqual(fields.mtu ?? '', (await deviceLine(bench)).fields.mtu ?? '', 'mtu=');
  }),
  rule('ids', '3', 'Handler ids are long, and never the same', async (bench) => {
    const ids: string[] = [];
    for (let count = 0; count < 2; count++) {
      const standIn = await bench.standIn();
      const talk = await bench.login();
      talk.say(handleLine(namesFor(bench, standIn.url)));
      const { id, visit } = await awaitBegin(standIn);
      ids.push(id);
      visit.talk.say('ERR 403 forbidden no');
      await talk.answer();
    }
    const [one = '', other = ''] = ids;
    let same = 0;
    while (same < one.length && one[same] === other[same]) same++;
    demand(same < 8, 'random ids', `${one} and ${other}`);
  }),
  rule('options', '3', 'options of HANDLE are handed on in BEGIN', async (bench) => {
    const standIn = await bench.standIn();
    const talk = await bench.login();
    talk.say(handleLine(namesFor(bench, standIn.url), { options: 'offload=off announce=off l2cp=on' }));
    const visit = await standIn.visit();
    visit.greet();
    await visit.hello();
    visit.takeHello();
    const { options, handler } = await visit.begin();
    bench.closeLater(handler);
    const { offload, announce, l2cp } = options;
    demandEqual(
      JSON.stringify({ offload, announce, l2cp }),
      '{"offload":false,"announce":false,"l2cp":true}',
      'options',
    );
  }),
  rule('offload', '3', 'offload=on is answered on or off, offload=off by off', async (bench) => {
    const names = namesFor(bench);
    const on = await beginWire(bench, beginLine(names, { options: 'offload=on mtu=1500' }), names.id);
    demand(['on', 'off'].includes(on.fields.offload ?? ''), 'offload=on or off', on.fields.offload ?? '');
    const others = namesFor(bench);
    const off = await beginWire(bench, beginLine(others), others.id);
    demandEqual(off.fields.offload ?? '', 'off', 'offload=');
  }),
  rule('identity', '3', 'HELLO with one argument means identity default', async (bench) => {
    const { login } = bench.target;
    if (login.method !== 'password' || login.identity !== 'default') {
      throw new NotApplicable('needs the password of identity default');
    }
    const talk = await bench.greeted();
    const line = formatHello(login).replace('password default ', 'password ');
    const { parsed, last } = await talk.ask(line, 'HELLO password (secret)');
    demandEqual(parsed.kind === 'ok' ? (parsed.fields.identity ?? '') : last, 'default', 'identity=');
  }),
  rule('closed-twice', '3', 'a Handler is closed once', async (bench) => {
    const { id, wire } = await standing(bench);
    const talk = await bench.login();
    talk.say(`CLOSE ${id}`);
    await wire.farewell('closed');
    bench.good(await talk.answer('OK to CLOSE'));
    bench.refused(await talk.ask(`CLOSE ${id}`), 'no-such-handler');
  }),
  rule('other-handlers', '5', 'a wrong command touches no other session and no Handler', async (bench) => {
    const { id, wire } = await standing(bench);
    const talk = await bench.login();
    talk.raw(`HELP?${' '.repeat(9000)}\n`, 'a line that is too long');
    bench.refused(await talk.answer(), 'line-too-long');
    await wire.ping();
    await bench.handlerIs(id, 'binary');
  }),
  rule('nobody', '5', 'HANDLE to where nobody listens', async (bench) => {
    const talk = await bench.login();
    const remote = await bench.target.nowhere();
    bench.refused(await talk.ask(handleLine(namesFor(bench, remote))), 'remote-unreachable');
  }),
  rule('untrusted', '4', 'HANDLE to a certificate that nobody vouches for', async (bench) => {
    const other = await bench.target.listen((link) => link.destroy(), await strangersCertificate());
    try {
      const talk = await bench.login();
      bench.refused(await talk.ask(handleLine(namesFor(bench, other.url))), 'remote-untrusted');
    } finally {
      await other.close();
    }
  }),
  rule('itself', '3', 'a server that dials itself holds the Handler twice', itself),
  rule(
    'wrong-secret',
    '4',
    'the third failed HELLO closes the session',
    async (bench) => {
      const { login } = bench.target;
      if (login.method !== 'password') throw new NotApplicable('needs a password');
      const talk = await bench.greeted();
      const line = formatHello({ ...login, secret: 'x=y' });
      for (let count = 0; count < 3; count++) {
        bench.refused(await talk.ask(line, 'HELLO password (a wrong secret)'), 'authentication-failed');
      }
      await talk.over();
    },
    true,
  ),
];

/** The line of the suite's device in DEVICES?. */
async function deviceLine(bench: CaseContext) {
  const ifname = bench.target.device.replace(/^\w+:/, '').replace(/\?.*$/, '');
  const { data } = await bench.ask('DEVICES?');
  const line = data.map(parseAnswerLine).find((each) => each.kind === 'data' && each.words[0] === ifname);
  demand(line?.kind === 'data', `DEVICE ${ifname}`, data.join(' ⏎ '));
  return line;
}

/** Lines at once, and how often: more events than a unix socket has room for, and than most buffers of TCP have. */
const FLOOD = 1_000;
const FLOODS = 4;

async function slowWatcher(bench: CaseContext): Promise<void> {
  const watcher = await bench.login('who watches');
  bench.good(await watcher.ask('WATCH'), 'OK to WATCH');
  watcher.link.pause();
  const talk = await bench.login();
  for (let flood = 0; flood < FLOODS; flood++) {
    talk.raw('FROBNICATE\n'.repeat(FLOOD), `FROBNICATE, ${FLOOD} times`);
    for (let count = 0; count < FLOOD; count++) bench.refused(await talk.answer(), 'unknown-command');
  }
  watcher.link.resume();
  for (let events = 0; events < FLOOD * FLOODS; events++) {
    const event = await watcher.line('EVENT lines, and that some were missed');
    demand(event.startsWith('EVENT '), 'an EVENT line', event);
    // Who has room for all of them has missed none.
    if (/^EVENT missed=[1-9]\d*$/.test(event)) break;
  }
  bench.good(await talk.ask('STATUS?'));
}

async function itself(bench: CaseContext): Promise<void> {
  const { scheme, login, url, secondDevice } = bench.target;
  if (scheme !== 'tcp' || login.method !== 'password' || secondDevice === undefined) {
    throw new NotApplicable('needs tcp://, a password and a second device');
  }
  const talk = await bench.login();
  const names = namesFor(bench, url);
  const auth = `password:${login.identity}:"${login.secret}"`;
  const answer = await talk.ask(handleLine(names, { auth, far: secondDevice }), 'HANDLE (itself) …');
  bench.good(answer, 'OK to HANDLE');
  const id = answer.parsed.kind === 'ok' ? (answer.parsed.fields.handler ?? '') : '';
  await bench.handlerIs(id, 'binary', 'initiator');
  await bench.handlerIs(id, 'binary', 'responder');
  bench.good(await talk.ask(`CLOSE ${id}`), 'OK to CLOSE');
  await bench.handlerIs(id, 'closed');
}
