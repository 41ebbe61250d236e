/** Cases of several wires for one Handler (section 6.1). Each notes the transitions that it drives the server through. */
import { encodePing, PING, PONG } from '../../../../machines/frames/records.ts';
import type { Case } from '../case.ts';
import type { CaseContext } from '../case-context.ts';
import type { MachineName } from '../coverage.ts';
import { beginWire, namesFor } from '../drive/preconditions.ts';
import type { FakePeer, Visit } from '../fake-peer.ts';
import { beginLine, handleLine, type Names } from '../names.ts';
import { demand, demandEqual, NotApplicable } from '../nonconformity.ts';
import { SILENCE } from '../times.ts';
import { Wire } from '../wire.ts';
import { ETHERTYPE, frame, OTHER, received } from './frames.ts';

/** Longer than any server may take for a LAN: milliseconds. */
const FAR_MS = 30;
const DELAYED_DIAL_MS = 3_000;
const PING_EVERY = 5_000;
const SLACK = 500;
/** Milliseconds of a round trip up to which a way is surely none with a length. */
const NEAR_MS = 4;
const ALIVE_EVERY = 4_000;
const FLOWS = 4;
const A_FLOW = 50;
const MANY_FLOWS = 40;

const wires = (id: string, title: string, run: (bench: CaseContext) => Promise<void>): Case => ({
  id: `wires/${id}`,
  title,
  section: '6.1',
  run,
});

/** The transitions that these cases drive a server through; the models of one wire know nothing of them. */
export const WIRE_TRANSITIONS = [
  'session.unauthenticated.JOIN',
  'session.authenticated.JOIN[0]',
  'session.authenticated.JOIN[1]',
  'session.handling.wire-up',
  'initiator.binary.far',
  'initiator.binary.wire-up',
  'initiator.binary.wire-lost[0]',
  'initiator.binary.wire-failed[0]',
  'initiator.binary.wire-failed[1]',
  'initiator.binary.bye[1]',
  'initiator.binary.timer[1]',
  'responder.binary.join',
  'responder.binary.begin[0]',
  'responder.binary.wire-lost[0]',
  'responder.binary.bye[1]',
] as const;

const seen = (bench: CaseContext, ...transitions: readonly (typeof WIRE_TRANSITIONS)[number][]): void => {
  for (const each of transitions) {
    const dot = each.indexOf('.');
    bench.coverage.transition(each.slice(0, dot) as MachineName, each.slice(dot + 1));
  }
};

/** A Handler of which the suite is the initiator, granted two wires at least. */
async function granted(
  bench: CaseContext,
): Promise<{ names: Names; line: string; first: Wire; most: number }> {
  const names = namesFor(bench);
  const line = beginLine(names, { options: 'offload=off mtu=1500 wires=4' });
  const { wire, fields } = await beginWire(bench, line, names.id);
  const most = Number(fields.wires);
  demand(most >= 1 && most <= 4, 'wires= of 1 to 4, as was asked for', fields.wires ?? 'none');
  if (most < 2) throw new NotApplicable('it grants one wire only');
  await wire.ping();
  return { names, line, first: wire, most };
}

/** A PROXY Handler that may have several wires, and a HOST Handler of the same machine on the same device. */
async function shared(bench: CaseContext) {
  const mac = bench.mac();
  const begin = async (roles: string, options: string) => {
    const names = { target: bench.target, id: bench.handlerId(), mac, remote: '' };
    const line = beginLine(names, { roles, options });
    const { wire, fields } = await beginWire(bench, line, names.id, roles);
    await wire.ping();
    return { wire, id: names.id, fields, line };
  };
  const host = await begin('HOST PROXY', 'offload=off mtu=1500');
  const proxy = await begin('PROXY HOST', 'offload=off mtu=1500 announce=off wires=4');
  if (Number(proxy.fields.wires) < 2) throw new NotApplicable('it grants one wire only');
  return { host: host.wire, first: proxy.wire, proxy: proxy.id, mac, line: proxy.line };
}

/** The sender of a flow: beside it all frames of a case are the same, so that each sender is a flow. */
function source(flow: number): string {
  return `02:0f:0f:0f:01:${flow.toString(16).padStart(2, '0')}`;
}

/** Both wires stand for a while, and their PINGs are answered: flows may go over either. */
async function settled(bench: CaseContext, ...wires: readonly Wire[]): Promise<void> {
  await bench.pass(PING_EVERY + SLACK);
  for (const wire of wires) await wire.ping();
}

/** Answers the server's next PING as it comes. @returns milliseconds that a round trip takes then */
async function answeredAtOnce(bench: CaseContext, wire: Wire): Promise<number> {
  // A millisecond at a time: PING comes at a moment of the server's own, and its answer must not wait behind a leap.
  for (let waited = 0; wire.talk.held === 0 && waited < PING_EVERY + SLACK; waited++) await bench.pass(1);
  const since = performance.now();
  await wire.ping();
  return performance.now() - since;
}

/** The numbers of the frames of ours that came over a wire so far. */
async function framesOn(wire: Wire): Promise<readonly number[]> {
  await wire.ping();
  return wire.frames
    .splice(0)
    .filter(({ payload }) => payload.readUInt16BE(12) === ETHERTYPE)
    .map(({ payload }) => payload.readUInt32BE(14));
}

async function join(bench: CaseContext, id: string, wire: number): Promise<Wire> {
  const talk = await bench.login(`wire ${wire}`);
  const answer = await talk.ask(`JOIN ${id} ${wire}`);
  bench.good(answer, 'OK to JOIN');
  const fields = answer.parsed.kind === 'ok' ? answer.parsed.fields : {};
  demandEqual(`${fields.handler} ${fields.wire}`, `${id} ${wire}`, 'handler= and wire=');
  seen(bench, 'session.authenticated.JOIN[1]', 'session.handling.wire-up');
  seen(bench, 'responder.binary.join');
  return new Wire(talk);
}

async function refusedJoin(bench: CaseContext, id: string, wire: number): Promise<ReturnType<typeof ask>> {
  return ask(bench, `JOIN ${id} ${wire}`);
}

async function ask(bench: CaseContext, line: string) {
  const talk = await bench.login('for JOIN');
  return talk.ask(line);
}

/** The far end of a HANDLE whose server is asked for several wires, and grants two. */
async function visited(bench: CaseContext): Promise<{ peer: FakePeer; id: string; first: Wire }> {
  const peer = await bench.standIn();
  const talk = await bench.login();
  talk.say(handleLine(namesFor(bench, peer.url), { options: 'wires=3' }));
  const visit = await peer.visit();
  await welcome(visit);
  const begin = await visit.begin();
  bench.closeLater(begin.handler);
  demandEqual(String(begin.options.wires), '3', 'wires= in BEGIN');
  visit.talk.say(`OK handler=${begin.handler} offload=off mtu=1500 wires=2`);
  const first = new Wire(visit.talk);
  bench.good(await talk.answer('OK to HANDLE'));
  return { peer, id: begin.handler, first };
}

async function welcome(visit: Visit): Promise<void> {
  visit.talk.say('OK VNET/1 server=stand-in auth=password features=unheard-of,wires');
  await visit.hello();
  visit.takeHello();
}

/** Answers the server's PINGs late until it dials for another wire. */
async function showLength(bench: CaseContext, first: Wire, peer: FakePeer): Promise<Visit> {
  for (let round = 0; round < 4 && peer.waiting === 0; round++) {
    const record = await first.any('PING');
    demandEqual(String(record.type), String(PING), 'type of the record');
    await bench.pass(FAR_MS);
    first.talk.raw(encodePing(PONG, record.payload), 'PONG, late');
    await bench.pass(FAR_MS);
  }
  return peer.visit(DELAYED_DIAL_MS);
}

async function expectJoin(visit: Visit, id: string): Promise<void> {
  await welcome(visit);
  demandEqual(await visit.talk.line('JOIN'), `JOIN ${id} 1`, 'the line behind HELLO');
}

export const WIRE_CASES: readonly Case[] = [
  wires('feature', 'the greeting names the feature', async (bench) => {
    const talk = await bench.dial();
    const line = await talk.line('the greeting');
    demand(/ features=(\S*,)?wires(,\S*)?( |$)/.test(line), 'features= with wires', line);
  }),
  wires('unasked', 'who does not ask for several is told of none', async (bench) => {
    const names = namesFor(bench);
    const { fields } = await beginWire(bench, beginLine(names), names.id);
    demandEqual(fields.wires ?? 'none', 'none', 'wires=');
    bench.refused(await refusedJoin(bench, names.id, 1), 'too-many-wires');
  }),
  wires('one', 'wires=1 is granted as 1', async (bench) => {
    const names = namesFor(bench);
    const line = beginLine(names, { options: 'offload=off mtu=1500 wires=1' });
    const { fields } = await beginWire(bench, line, names.id);
    demandEqual(fields.wires ?? 'none', '1', 'wires=');
  }),
  wires('option', 'wires= takes 1 to 8', async (bench) => {
    for (const wrong of ['0', '9', 'x', '']) {
      const line = beginLine(namesFor(bench), { options: `offload=off mtu=1500 wires=${wrong}` });
      bench.refused(await ask(bench, line), 'bad-option');
    }
  }),
  wires('join', 'JOIN makes a connection another wire, and one wire is enough', async (bench) => {
    const { names, first } = await granted(bench);
    const second = await join(bench, names.id, 1);
    await second.ping();
    await first.ping();
    first.talk.cut();
    await second.ping();
    await bench.handlerIs(names.id, 'binary');
    seen(bench, 'responder.binary.wire-lost[0]');
    second.talk.cut();
    await bench.handlerIs(names.id, 'handling');
  }),
  wires('early', 'JOIN before HELLO', async (bench) => {
    const talk = await bench.greeted();
    bench.refused(await talk.ask(`JOIN ${bench.handlerId()} 1`), 'not-authenticated');
    seen(bench, 'session.unauthenticated.JOIN');
  }),
  wires('unknown', 'JOIN of a Handler that is none', async (bench) => {
    bench.refused(await refusedJoin(bench, bench.handlerId(), 1), 'no-such-handler');
    seen(bench, 'session.authenticated.JOIN[0]');
  }),
  wires('number', 'JOIN takes a number from 1 to 7', async (bench) => {
    const { names } = await granted(bench);
    for (const wrong of ['0', '8', 'one', '1 2', '']) {
      bench.refused(await ask(bench, `JOIN ${names.id} ${wrong}`.trim()), 'syntax');
    }
    bench.refused(await ask(bench, 'JOIN 123 1'), 'bad-id');
  }),
  wires('too-many', 'JOIN past what was granted', async (bench) => {
    const { names, most } = await granted(bench);
    bench.refused(await refusedJoin(bench, names.id, most), 'too-many-wires');
  }),
  wires('before', 'JOIN while the Handler has no wire', async (bench) => {
    const { names, first } = await granted(bench);
    first.talk.cut();
    await bench.handlerIs(names.id, 'handling');
    bench.refused(await refusedJoin(bench, names.id, 1), 'wrong-state');
  }),
  wires('other-identity', 'JOIN by another identity', async (bench) => {
    const talk = await bench.loginOther();
    const { names } = await granted(bench);
    bench.refused(await talk.ask(`JOIN ${names.id} 1`), 'forbidden');
  }),
  wires('taken-over', 'JOIN of a number that stands: BYE replaced ends that wire alone', async (bench) => {
    const { names, first } = await granted(bench);
    const second = await join(bench, names.id, 1);
    await second.ping();
    const third = await join(bench, names.id, 1);
    await second.farewell('replaced');
    await third.ping();
    await first.ping();
    await bench.handlerIs(names.id, 'binary');
  }),
  wires('begin-again', 'BEGIN while others stand replaces wire 0 alone', async (bench) => {
    const { names, line, first } = await granted(bench);
    const second = await join(bench, names.id, 1);
    await second.ping();
    const { wire } = await beginWire(bench, line, names.id, 'wire 0 again');
    await first.farewell('replaced');
    await wire.ping();
    await second.ping();
    seen(bench, 'responder.binary.begin[0]');
  }),
  wires('bye-replaced', 'BYE replaced from the other end ends that wire alone', async (bench) => {
    const { names, first } = await granted(bench);
    const second = await join(bench, names.id, 1);
    await second.ping();
    second.bye('replaced');
    second.talk.end();
    await first.ping();
    await bench.handlerIs(names.id, 'binary');
    seen(bench, 'responder.binary.bye[1]');
  }),
  wires('bye-closed', 'BYE closed on one wire ends the Handler and all others', async (bench) => {
    const { names, first } = await granted(bench);
    const second = await join(bench, names.id, 1);
    await second.ping();
    second.bye('closed');
    second.talk.end();
    await bench.handlerIs(names.id, 'closed');
    await first.talk.over('the end of the other wire');
  }),
  wires('close', 'CLOSE says BYE on every wire', async (bench) => {
    const { names, first } = await granted(bench);
    const second = await join(bench, names.id, 1);
    await second.ping();
    const talk = await bench.login();
    talk.say(`CLOSE ${names.id}`);
    await first.farewell('closed');
    await second.farewell('closed');
    bench.good(await talk.answer('OK to CLOSE'));
  }),
  wires('pings', 'each wire has its own PING', async (bench) => {
    const { names, first } = await granted(bench);
    const second = await join(bench, names.id, 1);
    await second.ping();
    const before = [first.pings, second.pings];
    await bench.pass(PING_EVERY + SLACK);
    await first.ping();
    await second.ping();
    demand(first.pings > before[0]!, 'a PING on wire 0 within 5 s', 'none');
    demand(second.pings > before[1]!, 'a PING on wire 1 within 5 s', 'none');
  }),
  wires('silence', '15 s of silence on one wire end that wire alone', async (bench) => {
    const { control } = bench;
    const { names, first } = await granted(bench);
    const second = await join(bench, names.id, 1);
    await second.ping();
    for (let passed = 0; passed <= SILENCE; passed += ALIVE_EVERY) {
      await control.advance(ALIVE_EVERY);
      await first.ping();
    }
    await second.closed('the end of the silent wire');
    await first.ping();
    await bench.handlerIs(names.id, 'binary');
  }),
  wires('frames', 'frames are taken from any wire', async (bench) => {
    const { host, first, proxy, mac } = await shared(bench);
    const second = await join(bench, proxy, 1);
    for (const [number, wire] of [second, first, second].entries()) {
      const sent = frame(OTHER, mac, number);
      wire.frame(sent);
      await wire.ping();
      demandEqual((await received(host)).toString('hex'), sent.toString('hex'), 'the frame');
    }
  }),
  wires('order', 'the frames of a flow stay in order, and none comes twice', async (bench) => {
    const { host, first, proxy, mac } = await shared(bench);
    const second = await join(bench, proxy, 1);
    await settled(bench, first, second);
    const flowOf = (number: number) => Math.floor(number / A_FLOW);
    for (let number = 0; number < FLOWS * A_FLOW; number++) {
      host.frame(frame(mac, source(flowOf(number)), number));
    }
    await host.ping();
    const seen = [await framesOn(first), await framesOn(second)];
    for (const numbers of seen) {
      for (let flow = 0; flow < FLOWS; flow++) {
        const own = numbers.filter((number) => flowOf(number) === flow);
        demandEqual(own.join(), own.toSorted((a, b) => a - b).join(), 'the frames of a flow in order:');
      }
    }
    const all = seen.flat().toSorted((a, b) => a - b);
    const wanted = Array.from({ length: FLOWS * A_FLOW }, (_, number) => number);
    demandEqual(all.join(), wanted.join(), 'every frame once:');
  }),
  wires(
    'doubt',
    'behind such a BEGIN nothing goes over a wire from which nothing has come',
    async (bench) => {
      const { host, first, proxy, mac, line } = await shared(bench);
      const second = await join(bench, proxy, 1);
      await settled(bench, first, second);
      const { wire } = await beginWire(bench, line, proxy, 'wire 0 again');
      await wire.ping();
      for (let flow = 0; flow < MANY_FLOWS; flow++) host.frame(frame(mac, source(flow), flow));
      await host.ping();
      demandEqual(String((await framesOn(wire)).length), String(MANY_FLOWS), 'all frames over wire 0:');
      demandEqual(String((await framesOn(second)).length), '0', 'frames over the other wire:');
    },
  ),
  wires('asks', 'HANDLE with wires= asks for so many, of a server that names the feature', async (bench) => {
    const { first } = await visited(bench);
    await first.ping();
  }),
  wires('asks-not', 'a server that does not name the feature is asked for none', async (bench) => {
    const peer = await bench.standIn();
    const talk = await bench.login();
    talk.say(handleLine(namesFor(bench, peer.url), { options: 'wires=3' }));
    const { begin } = await (await peer.visit()).toWire();
    bench.closeLater(begin.handler);
    demandEqual(String(begin.options.wires ?? 'none'), 'none', 'wires= in BEGIN');
    bench.good(await talk.answer('OK to HANDLE'));
  }),
  wires('near', 'a way without length gets no further wire', async (bench) => {
    const { first, peer } = await visited(bench);
    const trips = [await answeredAtOnce(bench, first), await answeredAtOnce(bench, first)];
    if (Math.min(...trips) > NEAR_MS) throw new NotApplicable('the way to this server has a length');
    for (let count = 0; count < 3; count++) await bench.ask('STATUS?');
    demandEqual(String(peer.waiting), '0', 'further dials');
  }),
  wires('initiator', 'further wires are dialled, dialled again, and given up by 410', async (bench) => {
    const { peer, id, first } = await visited(bench);
    const visit = await showLength(bench, first, peer);
    seen(bench, 'initiator.binary.far');
    await expectJoin(visit, id);
    visit.talk.say(`OK handler=${id} wire=1`);
    const second = new Wire(visit.talk);
    await second.ping();
    seen(bench, 'initiator.binary.wire-up');
    second.talk.cut();
    const third = await bench.redialled(peer);
    seen(bench, 'initiator.binary.wire-lost[0]', 'initiator.binary.timer[1]');
    await expectJoin(third, id);
    third.talk.say('ERR 404 no-such-handler not now');
    const fourth = await bench.redialled(peer);
    seen(bench, 'initiator.binary.wire-failed[1]');
    await expectJoin(fourth, id);
    fourth.talk.say(`OK handler=${id} wire=1`);
    const wire = new Wire(fourth.talk);
    await wire.ping();
    wire.bye('replaced');
    wire.talk.end();
    const fifth = await bench.redialled(peer);
    seen(bench, 'initiator.binary.bye[1]');
    await expectJoin(fifth, id);
    fifth.talk.say(`OK handler=${id} wire=1`);
    await new Wire(fifth.talk).ping();
    await bench.handlerIs(id, 'binary');
    first.talk.cut();
    const sixth = await bench.redialled(peer);
    await welcome(sixth);
    demandEqual((await sixth.begin()).handler, id, 'BEGIN for wire 0');
    await bench.handlerIs(id, 'binary');
    sixth.talk.say('ERR 410 handler-closed it was closed');
    await bench.handlerIs(id, 'closed');
    seen(bench, 'initiator.binary.wire-failed[0]');
  }),
];
