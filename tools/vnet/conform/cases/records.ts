/** Cases of the binary phase: records of every kind, whole and in pieces, right and wrong (section 6). */
import { BYE, FRAME, MAX_LENGTH, OFFLOAD, PING, PONG } from '../../../../machines/frames/records.ts';
import type { Case } from '../case.ts';
import type { CaseContext } from '../case-context.ts';
import { beginWire, namesFor, type Standing, standing } from '../drive/preconditions.ts';
import { beginLine, handleLine } from '../names.ts';
import { demand, demandEqual, NotApplicable } from '../nonconformity.ts';
import type { Talk } from '../talk.ts';
import { encodeRecord, Wire } from '../wire.ts';

const PING_EVERY = 5_000;
/** A virtio header and the longest super-frame. */
const MOST_OFFLOAD = 12 + 65_575;

const records = (id: string, title: string, run: (bench: CaseContext) => Promise<void>): Case => ({
  id: `records/${id}`,
  title,
  section: '6',
  run,
});

/** Something wrong ends the wire with BYE protocol-error, and the Handler with it. */
const wrong = (id: string, title: string, bytes: Uint8Array): Case =>
  records(id, title, async (bench) => {
    const stood = await standing(bench);
    stood.wire.talk.raw(
      bytes,
      `${bytes.length} bytes: ${Buffer.from(bytes.subarray(0, 8)).toString('hex')}…`,
    );
    await stood.wire.farewell('protocol-error');
    await bench.handlerIs(stood.id, 'closed', 'responder');
  });

/** Something that changes nothing. */
const harmless = (id: string, title: string, send: (stood: Standing) => void): Case =>
  records(id, title, async (bench) => {
    const stood = await standing(bench);
    send(stood);
    await stood.wire.ping();
    await bench.handlerIs(stood.id, 'binary', 'responder');
  });

function header(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  bytes[0] = type;
  return bytes;
}

export const RECORD_CASES: readonly Case[] = [
  records('pongs', 'each PING gets its own 8 bytes back, in order', async (bench) => {
    const { wire } = await standing(bench);
    const tokens = ['0000000000000000', 'ffffffffffffffff', '00ff10a55a017f80'];
    const pings = tokens.map((token) => encodeRecord(PING, Buffer.from(token, 'hex')));
    wire.talk.raw(Buffer.concat(pings), 'three PINGs at once');
    for (const token of tokens) {
      const { type, payload } = await wire.next('a PONG');
      demand(type === PONG, 'a PONG', `type ${type}`);
      demandEqual(payload.toString('hex'), token, 'a PONG with the bytes');
    }
  }),
  records('pieces', 'a record that comes byte by byte', async (bench) => {
    const { wire } = await standing(bench);
    const ping = encodeRecord(PING, Buffer.from('12345678'));
    for (const byte of ping) {
      wire.talk.raw(Uint8Array.of(byte), byte.toString(16));
      await new Promise((resolve) => setImmediate(resolve));
    }
    demandEqual((await wire.next('a PONG')).payload.toString(), '12345678', 'a PONG with the bytes');
  }),
  ...[0x80, 0xc3, 0xff].flatMap((type) =>
    [0, 1, 1000, MAX_LENGTH].map((length) =>
      harmless(
        `ignored-${type.toString(16)}-${length}`,
        `an unknown record of type 0x${type.toString(16)} with ${length} bytes is ignored`,
        ({ wire }) => wire.send(type, Buffer.alloc(length, 0x55)),
      ),
    ),
  ),
  ...[0x05, 0x06, 0x40, 0x7f].map((type) =>
    wrong(
      `unknown-${type.toString(16)}`,
      `type 0x${type.toString(16)} is not known`,
      encodeRecord(type, Buffer.from('x')),
    ),
  ),
  wrong('short-frame', 'a FRAME of 13 bytes', encodeRecord(FRAME, Buffer.alloc(13))),
  wrong('empty-frame', 'a FRAME of no bytes', encodeRecord(FRAME, Buffer.alloc(0))),
  wrong('ping-7', 'a PING of 7 bytes', encodeRecord(PING, Buffer.alloc(7))),
  wrong('pong-9', 'a PONG of 9 bytes', encodeRecord(PONG, Buffer.alloc(9))),
  wrong('long-frame', 'a FRAME longer than the limit', header(FRAME, MAX_LENGTH + 1)),
  wrong('long-ignored', 'an unknown record longer than the limit', header(0x80, MAX_LENGTH + 1)),
  wrong('longest', 'the longest length there is', header(0x90, 0xffffff)),
  wrong('offload', 'OFFLOAD where offload=off was said', encodeRecord(OFFLOAD, Buffer.alloc(12 + 60))),
  records('bad-offload', 'a wrong virtio header harms that frame alone', async (bench) => {
    const names = namesFor(bench);
    const line = beginLine(names, { options: 'offload=on mtu=1500' });
    const { wire } = await beginWire(bench, line, names.id);
    wire.send(OFFLOAD, Buffer.concat([Buffer.alloc(12, 0xff), Buffer.alloc(60)]));
    await wire.ping();
    await bench.handlerIs(names.id, 'binary', 'responder');
  }),
  records('long-offload', 'OFFLOAD of more than a super-frame', async (bench) => {
    const names = namesFor(bench);
    const line = beginLine(names, { options: 'offload=on mtu=1500' });
    const { wire, fields } = await beginWire(bench, line, names.id);
    if (fields.offload !== 'on') throw new NotApplicable('it agrees to no super-frames');
    wire.talk.raw(header(OFFLOAD, MOST_OFFLOAD + 1), 'the header of an OFFLOAD that is too long');
    await wire.farewell('protocol-error');
    await bench.handlerIs(names.id, 'closed', 'responder');
  }),
  records('bye-word', 'BYE with a word that nobody knows is a broken wire', async (bench) => {
    const stood = await standing(bench);
    stood.wire.talk.raw(encodeRecord(BYE, Buffer.from('gone-fishing')), 'BYE gone-fishing');
    await stood.wire.talk.over('the answer to BYE');
    stood.wire.talk.end();
    await bench.handlerIs(stood.id, 'handling', 'responder');
  }),
  harmless('frame-14', 'a FRAME of 14 bytes', ({ wire }) => wire.frame(Buffer.alloc(14))),
  records('quiet', 'between BEGIN and its answer the initiator is silent', async (bench) => {
    const standIn = await bench.standIn();
    const talk = await bench.login();
    talk.say(handleLine(namesFor(bench, standIn.url)));
    const visit = await standIn.visit();
    visit.greet();
    await visit.hello();
    visit.takeHello();
    const begin = await visit.begin();
    bench.closeLater(begin.handler);
    await bench.ask('STATUS?');
    demand(visit.talk.held === 0, 'nothing behind BEGIN', `${visit.talk.held} bytes`);
  }),
  records('behind-ok', 'what stands behind the OK in one read is a record', async (bench) => {
    const standIn = await bench.standIn();
    const talk = await bench.login();
    talk.say(handleLine(namesFor(bench, standIn.url)));
    const visit = await standIn.visit();
    visit.greet();
    await visit.hello();
    visit.takeHello();
    const begin = await visit.begin();
    bench.closeLater(begin.handler);
    const ok = Buffer.from(`OK handler=${begin.handler} offload=off mtu=1500\n`);
    const ping = encodeRecord(PING, Buffer.from('together'));
    visit.talk.raw(Buffer.concat([ok, ping]), 'OK … and a PING in one piece');
    await untilPong(visit.talk, 'together');
  }),
  records('behind-begin-ok', 'the responder takes records at once', async (bench) => {
    const names = namesFor(bench);
    const { wire } = await beginWire(bench, beginLine(names), names.id);
    await wire.ping();
  }),
  records('pings', 'a PING every 5 s', async (bench) => {
    const { wire } = await standing(bench);
    if (bench.target.control !== undefined) await bench.control.advance(PING_EVERY + 50);
    else await new Promise((resolve) => setTimeout(resolve, PING_EVERY + 500));
    demandEqual(String((await wire.any('a PING')).type), String(PING), 'a record of type');
  }),
  records('both-bye', 'BYE from both ends at once', async (bench) => {
    const { wire, id } = await standing(bench);
    wire.bye('closed');
    const { parsed, last } = await bench.ask(`CLOSE ${id}`);
    demand(parsed.kind === 'ok' || last.startsWith('ERR 404'), 'OK, or 404 where BYE came first', last);
    await wire.closed('the end of the connection').catch(() => undefined);
    wire.talk.end();
    await bench.handlerIs(id, 'closed', 'responder');
  }),
];

async function untilPong(talk: Talk, token: string): Promise<void> {
  const wire = new Wire(talk);
  for (;;) {
    const { type, payload } = await wire.next('a PONG');
    if (type === PONG) return demandEqual(payload.toString(), token, 'a PONG with the bytes');
  }
}
