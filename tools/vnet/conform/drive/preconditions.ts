/** Others that a session's case needs: a Handler that stands already, the far end of one that is being made. */
import type { CaseContext } from '../case-context.ts';
import type { FakePeer, Visit } from '../fake-peer.ts';
import { beginLine, type Names } from '../names.ts';
import { Nonconformity } from '../nonconformity.ts';
import type { Talk } from '../talk.ts';
import { Wire } from '../wire.ts';

/** A Handler of which the suite is the initiator. */
export interface Standing {
  readonly id: string;
  readonly mac: string;
  readonly wire: Wire;
  /** The line that made it. */
  readonly line: string;
}

/** Names for one case. */
export function namesFor(bench: CaseContext, remote = 'tcp://127.0.0.1:9'): Names {
  return { target: bench.target, id: bench.handlerId(), mac: bench.mac(), remote };
}

/** Says BEGIN and becomes its wire. */
export async function beginWire(
  bench: CaseContext,
  line: string,
  id: string,
  name = 'initiator',
): Promise<{ readonly talk: Talk; readonly wire: Wire; readonly fields: Readonly<Record<string, string>> }> {
  const talk = await bench.login(name);
  const answer = await talk.ask(line);
  bench.good(answer, 'OK to BEGIN');
  const fields = answer.parsed.kind === 'ok' ? answer.parsed.fields : {};
  if (fields.handler !== id) throw new Nonconformity(`OK handler=${id} …`, answer.last);
  return { talk, wire: new Wire(talk), fields };
}

/** A Handler that stands, with a record heard on its wire. */
export async function standing(bench: CaseContext): Promise<Standing> {
  const names = namesFor(bench);
  const line = beginLine(names);
  const { wire } = await beginWire(bench, line, names.id, 'initiator of another Handler');
  await wire.ping();
  return { id: names.id, mac: names.mac, wire, line };
}

/** A Handler that was CLOSEd here. */
export async function closedHandler(bench: CaseContext): Promise<Standing> {
  const stood = await standing(bench);
  const boss = await bench.boss();
  boss.say(`CLOSE ${stood.id}`);
  await stood.wire.farewell('closed');
  bench.good(await boss.answer('the answer to CLOSE'), 'OK to CLOSE');
  return stood;
}

/** The far end of a HANDLE that is under way: HELLO taken, BEGIN read, not answered yet. */
export async function awaitBegin(standIn: FakePeer): Promise<{ visit: Visit; id: string }> {
  const visit = await standIn.visit();
  visit.greet();
  await visit.hello();
  visit.takeHello();
  const { handler } = await visit.begin();
  return { visit, id: handler };
}
