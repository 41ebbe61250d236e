/**
 * A crash at any point: the server that starts then has just the Handlers that it should have, leaves no TAP of ours
 * behind and touches none of the user's, keeps no secret that nobody needs, and writes a log that can be replayed.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../../io/journal/digest.ts';
import type { InterfaceInfo } from '../../io/ports.ts';
import type { DeviceContext } from '../../machines/device/machine.ts';
import type { InitiatorContext } from '../../machines/handler/initiator.ts';
import { MACHINES } from '../../machines/index.ts';
import { Fold, type LiveActor } from '../../machines/log/fold.ts';
import { NO_SERVER, persist } from '../../machines/log/journal-events.ts';
import { type Head, type LogRecord, NO_RECORD, stateDigest, verifyLink } from '../../machines/log/record.ts';
import { foldLog } from '../../machines/log/replay.ts';
import { busyHistory, OF_THE_USER, type Outside } from './resume/busy-history.ts';
import { type Remains, Revival } from './resume/revival.ts';

const test = suite('resume');

/** Points of the log, each with what lives there. */
function* points(lines: readonly string[]) {
  const fold = new Fold(MACHINES, sha256);
  for (const [index, line] of lines.entries()) {
    const record = JSON.parse(line) as LogRecord;
    const mismatch = fold.apply(record);
    if (mismatch !== undefined) throw new Error(`the history itself: record ${record.seq}: ${mismatch.why}`);
    yield { index, record, live: new Map(fold.live()) };
  }
}

/** What can stand after a crash between two moments: each TAP that only one of them has stands, or does not. */
function* between(before: Outside, after: Outside): Iterable<readonly InterfaceInfo[]> {
  const has = ({ interfaces }: Outside, name: string) => interfaces.some((info) => info.name === name);
  const sure = before.interfaces.filter(({ name }) => has(after, name));
  const open = [...before.interfaces, ...after.interfaces].filter(
    ({ name }) => !sure.some((info) => info.name === name),
  );
  for (let choice = 0; choice < 2 ** open.length; choice++) {
    yield [...sure, ...open.filter((_, bit) => (choice >> bit) & 1)];
  }
}

const contexts = <C>(live: ReadonlyMap<string, LiveActor>, machine: string): [string, C][] =>
  [...live]
    .filter(([, { definition }]) => definition.name === machine)
    .map(([actor, { snapshot }]) => [actor, snapshot.context as C]);

/** The initiators that have to stand once everything has settled. */
function expected(live: ReadonlyMap<string, LiveActor>, remains: Remains): Map<string, InitiatorContext> {
  const standing = contexts<InitiatorContext>(live, 'initiator').filter(([, context]) => {
    const { localDevice, everBinary, remote } = context;
    const device =
      remains.interfaces.some(({ name }) => name === localDevice.ifname) || localDevice.kind === 'tap';
    const reached = remains.peers && remote.kind === 'url' && remote.url.includes('proxy');
    // One that never stood ends with its HANDLE when it fails; one that stood tries for ever.
    return everBinary || (device && reached);
  });
  return new Map(standing);
}

/** Whether responders are on a TAP that we made: their initiators may come back, and find its addresses on it. */
function awaited(live: ReadonlyMap<string, LiveActor>, ifname: string): boolean {
  return contexts<DeviceContext>(live, 'device').some(([, { spec, ours, handlers }]) => {
    const responders = handlers.filter((user) => live.get(user)?.definition.name === 'responder');
    return ours && spec.ifname === ifname && responders.length > 0;
  });
}

/** Whether an initiator that lives is on that interface, or wants to be. */
function wantedBy(live: ReadonlyMap<string, LiveActor>, ifname: string): boolean {
  return contexts<InitiatorContext>(live, 'initiator').some(
    ([, { localDevice }]) => localDevice.ifname === ifname,
  );
}

async function crashAndStart(remains: Remains, where: string): Promise<void> {
  const revival = await Revival.start(remains, OF_THE_USER);
  const { clock, server, journal } = revival;
  await clock.settle();
  const kept = revival.taps(OF_THE_USER);
  const { live } = remains;
  for (const { name } of remains.interfaces) {
    if (awaited(live, name)) assert.ok(kept.includes(name), `${where}: ${name} is to wait`);
  }
  for (const name of kept) {
    assert.ok(awaited(live, name) || wantedBy(live, name), `${where}: ${name} is nobody’s and stays`);
  }
  await clock.elapse(1_700);
  const wanted = expected(remains.live, remains);
  const actors = server.handlers.all().map(({ actor }) => actor);
  assert.equal(actors.sort(), [...wanted.keys()].sort(), `${where}: Handlers`);

  // A TAP that we made belongs to the devices of the log, or was made again for a Handler that wants it.
  const needed = new Set([...wanted.values()].map(({ localDevice }) => localDevice.ifname));
  const allowed = [...needed]
    .filter((name) => !OF_THE_USER.includes(name as (typeof OF_THE_USER)[number]))
    .sort();
  assert.equal(revival.taps(OF_THE_USER), allowed, `${where}: TAPs`);
  const users = (list: readonly InterfaceInfo[]) =>
    list.map(({ name }) => name).filter((name) => (OF_THE_USER as readonly string[]).includes(name));
  assert.equal(
    users(revival.devices.interfaces()).sort(),
    users(remains.interfaces).sort(),
    `${where}: the user's`,
  );

  const refs = [...wanted.values()].flatMap(({ auth }) => (auth.kind === 'password' ? [auth.secret] : []));
  assert.equal([...revival.secrets.refs()].sort(), refs.sort(), `${where}: secrets`);
  if (remains.peers) {
    const states = server.handlers.all().map(({ state, context }) => [context.localDevice.ifname, state]);
    const stuck = states.filter(
      ([name, state]) =>
        state !== 'binary' &&
        (name?.startsWith('tap') || remains.interfaces.some((info) => info.name === name)),
    );
    assert.equal(stuck, [], `${where}: not binary again`);
  }
  await revival.stop();
  assert.equal(revival.diagnostics.messages('error'), [], `${where}: errors`);
  checkLog(remains, journal.lines, [...wanted.keys()], where);
}

/** The new records go on from the old ones, and only the Handlers, their devices and the server live at their end. */
function checkLog(
  remains: Remains,
  lines: readonly string[],
  handlers: readonly string[],
  where: string,
): void {
  const fold = resumed(remains.live, remains.head);
  let head = remains.head;
  for (const line of lines) {
    const record = JSON.parse(line) as LogRecord;
    assert.is(verifyLink({ record, line }, head, sha256), undefined, `${where}: chain`);
    assert.is(fold.apply(record)?.why, undefined, `${where}: record ${record.seq}`);
    head = record;
  }
  const left = [...fold.live().keys()];
  assert.equal(
    left.filter((actor) => actor.startsWith('session:')),
    [],
    `${where}: sessions`,
  );
  assert.equal(
    left.filter((actor) => actor.startsWith('handler:')).sort(),
    [...handlers].sort(),
    `${where}: fold`,
  );
  for (const [actor, { handlers: users }] of contexts<DeviceContext>(fold.live(), 'device')) {
    assert.ok(
      users.some((user) => handlers.includes(user)),
      `${where}: ${actor} is kept for nobody`,
    );
  }
}

/** A fold that stands at a point of the log, without going there again. */
function resumed(live: ReadonlyMap<string, LiveActor>, head: Head): Fold {
  const fold = new Fold(MACHINES, sha256);
  const actors = Object.fromEntries(
    [...live].map(([actor, { definition, snapshot }]) => [
      actor,
      persist(definition.name, definition.version, snapshot),
    ]),
  );
  const server = live.get('server')?.snapshot ?? NO_SERVER;
  const fields = { from: server.value, to: server.value, state: stateDigest(server, sha256) };
  const mismatch = fold.apply({ ...BLANK, ...fields, ...head, event: { type: 'checkpoint', actors } });
  if (mismatch !== undefined) throw new Error(mismatch.why);
  return fold;
}

const BLANK: LogRecord = {
  seq: 0,
  time: '',
  mono: 0,
  boot: '',
  actor: 'server',
  machine: 'server',
  version: 1,
  event: { type: '' },
  from: '',
  to: '',
  state: '',
  prev: '',
  hash: '',
};

test('after a crash at every record of a busy history, world and log agree', async () => {
  const { lines, at, after } = await busyHistory();
  const whole = foldLog(lines, MACHINES, sha256);
  assert.is(whole.verdict.kind, 'ok');
  assert.ok(lines.length > 400, `${lines.length} records`);
  let crashes = 0;
  const none = {
    head: NO_RECORD,
    live: new Map(),
    interfaces: at[0]!.interfaces,
    secrets: new Map(),
    peers: true,
  };
  await crashAndStart(none, 'before the first record');
  for (const { index, record, live } of points(lines)) {
    for (const interfaces of between(at[index]!, after[index]!)) {
      const peers = crashes++ % 3 > 0;
      const { secrets } = crashes % 2 === 0 ? at[index]! : after[index]!;
      const where = `crash behind record ${record.seq} (${record.actor} ${record.event.type}), peers ${peers}`;
      const remains = { head: { seq: record.seq, hash: record.hash }, live, interfaces, secrets, peers };
      await crashAndStart(remains, where);
    }
  }
  assert.ok(crashes > lines.length);
});

test.run();
