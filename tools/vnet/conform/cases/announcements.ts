/**
 * Cases of what a PROXY announces (section 3.2). Who listens is a HOST Handler with the same addresses on the same
 * device: it hands on whatever has one of them as its source.
 *
 *     suite ══ wire of a HOST Handler ══ server ── device ── server ══ wire of a PROXY Handler ══ suite
 */
import type { Case } from '../case.ts';
import type { CaseContext } from '../case-context.ts';
import { beginWire } from '../drive/preconditions.ts';
import { beginLine, handleLine, type Names } from '../names.ts';
import { demandEqual } from '../nonconformity.ts';
import { isFrame, type Wire } from '../wire.ts';
import { BROADCAST, frame, octets, THIRD } from './frames.ts';

const RARP = 0x8035;
/** Milliseconds: a server may gather announcements for so long. */
const MOMENT = 1_000;
let marks = 0;
const QUIET = 'offload=off mtu=1500 announce=off';

const announces = (id: string, title: string, run: (bench: CaseContext) => Promise<void>): Case => ({
  id: `frames/${id}`,
  title,
  section: '3.2',
  run,
});

interface Party {
  readonly names: Names;
  readonly wire: Wire;
}

async function begin(bench: CaseContext, mac: string, roles: string, options?: string): Promise<Party> {
  const names = { target: bench.target, id: bench.handlerId(), mac, remote: '' };
  const line = beginLine(names, { roles, ...(options === undefined ? {} : { options }) });
  const { wire } = await beginWire(bench, line, names.id, roles.split(' ')[0]);
  await wire.ping();
  return { names, wire };
}

/**
 * All RARP frames that came at the listener: as many as there have to be, and those before a frame that the PROXY's
 * machine sends then.
 */
async function heard(
  listener: Wire,
  proxy: Wire,
  macs: readonly string[],
  wanted = macs.length,
): Promise<readonly Buffer[]> {
  const seen: Buffer[] = [];
  const take = async (): Promise<Buffer> => {
    for (;;) {
      const record = listener.frames.shift() ?? (await listener.next('an announcement'));
      if (!isFrame(record)) continue;
      if (record.payload.readUInt16BE(12) === RARP) seen.push(record.payload);
      return record.payload;
    }
  };
  while (seen.length < wanted) await take();
  const mark = frame(THIRD, macs[0]!, ++marks);
  proxy.frame(mark);
  while (!(await take()).equals(mark));
  return seen;
}

/** A RARP request (RFC 903) of 60 bytes to everybody, with that source. */
function rarp(mac: string): string {
  const bytes = Buffer.alloc(60);
  octets(BROADCAST).copy(bytes, 0);
  octets(mac).copy(bytes, 6);
  bytes.writeUInt16BE(RARP, 12);
  Buffer.from('0001080006040003', 'hex').copy(bytes, 14);
  octets(mac).copy(bytes, 22);
  octets(mac).copy(bytes, 32);
  return bytes.toString('hex');
}

function demandAnnounced(seen: readonly Buffer[], macs: readonly string[]): void {
  const wanted = macs.map(rarp).toSorted();
  const have = seen.map((each) => each.toString('hex')).toSorted();
  demandEqual(have.join(' '), wanted.join(' '), 'one RARP request for each address:');
}

export const ANNOUNCEMENT_CASES: readonly Case[] = [
  announces('announced', 'a PROXY announces each of its addresses once', async (bench) => {
    const macs = [bench.mac(), bench.mac()];
    const { wire: listener } = await begin(bench, macs.join(' '), 'HOST PROXY');
    const { wire: proxy } = await begin(bench, macs.join(' '), 'PROXY HOST');
    demandAnnounced(await heard(listener, proxy, macs), macs);
  }),
  announces('announced-again', 'and again when its wire comes back', async (bench) => {
    const mac = bench.mac();
    const { wire: listener } = await begin(bench, mac, 'HOST PROXY');
    const { names, wire } = await begin(bench, mac, 'PROXY HOST');
    demandAnnounced(await heard(listener, wire, [mac]), [mac]);
    wire.talk.cut();
    await bench.handlerIs(names.id, 'handling');
    const line = beginLine(names, { roles: 'PROXY HOST' });
    const { wire: again } = await beginWire(bench, line, names.id, 'PROXY again');
    await again.ping();
    demandAnnounced(await heard(listener, again, [mac]), [mac]);
  }),
  announces(
    'announced-by-initiator',
    'a PROXY that dials does so too, also after a redial',
    async (bench) => {
      const mac = bench.mac();
      const { wire: listener } = await begin(bench, mac, 'HOST PROXY');
      const standIn = await bench.standIn();
      const talk = await bench.login();
      const names = { target: bench.target, id: '', mac, remote: standIn.url };
      talk.say(handleLine(names, { roles: 'PROXY HOST', options: 'offload=off' }));
      const first = await (await standIn.visit()).toWire();
      bench.closeLater(first.begin.handler);
      bench.good(await talk.answer('OK to HANDLE'));
      await first.wire.ping();
      demandAnnounced(await heard(listener, first.wire, [mac]), [mac]);
      first.wire.talk.cut();
      const second = await (await bench.redialled(standIn)).toWire();
      await second.wire.ping();
      demandAnnounced(await heard(listener, second.wire, [mac]), [mac]);
    },
  ),
  announces('not-announced', 'announce=off: it does not', async (bench) => {
    const mac = bench.mac();
    const { wire: listener } = await begin(bench, mac, 'HOST PROXY');
    const { wire: proxy } = await begin(bench, mac, 'PROXY HOST', QUIET);
    await bench.pass(MOMENT);
    demandAnnounced(await heard(listener, proxy, [mac], 0), []);
  }),
];
