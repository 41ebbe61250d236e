/**
 * 200 Handlers at once between two servers, all by one password, on one device at each end, through a crash of the
 * server that dials and of the one that was dialled. With another number, by hand:
 *
 *     node --import tsx spec/scenarios/faults/many.test.ts --handlers 1000
 *
 *     proxy [lan0] ─ lan      proxy [wan0 198.51.100.2] ── [eth0 198.51.100.1] host      host [vm0] ─ vms
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatPasswordLine } from '../../../io/auth/password-file.ts';
import { hashSecretSync } from '../../../io/auth/scrypt.ts';
import { cpuTime } from '../../../tools/bench/processes.ts';
import { Lab } from '../../../tools/lab/lab.ts';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { CommandError } from '../../../tools/lab/program.ts';
import { SECRET, VnetServer } from '../../../tools/lab/server.ts';
import type { Answer } from '../../../tools/lab/talk.ts';
import { sendFrames, sniff, sniffed } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

await ensurePrivileges();

const { values } = parseArgs({ options: { handlers: { type: 'string', default: '200' } } });
const HANDLERS = Number(values.handlers);
/** The server that dials is dead: from then on until all of its Handlers carry frames again, in milliseconds. */
const BACK_WITHIN_MS = 20_000;
/** What a thousand may take of two cores in that time, at both servers, in seconds: the same for a machine that is busy. */
const CPU_SECONDS = (2 * BACK_WITHIN_MS) / 1000;
/** Sessions that ask for them, each for as many, one behind the other. */
const SESSIONS = 5;
const macOf = (number: number): string => {
  const [high, low] = [number >> 8, number & 0xff].map((byte) => byte.toString(16).padStart(2, '0'));
  return `52:54:01:00:${high}:${low}`;
};
const plain = (mac: string): string => mac.replaceAll(':', '');

const test = suite(`${HANDLERS} Handlers at once`);
let lab: Lab;
let proxy: VnetServer;
let host: VnetServer;

test.before(async () => {
  lab = new Lab();
  await lab.addNamespaces('proxy', 'host', 'lan', 'vms');
  await lab.addCable(
    { ns: 'proxy', dev: 'wan0', addresses: ['198.51.100.2/24'] },
    { ns: 'host', dev: 'eth0', addresses: ['198.51.100.1/24'] },
  );
  await lab.addCable({ ns: 'proxy', dev: 'lan0' }, { ns: 'lan', dev: 'eth0' });
  await lab.addCable({ ns: 'host', dev: 'vm0' }, { ns: 'vms', dev: 'eth0' });
  const passwords = join(lab.folder, 'passwords');
  writeFileSync(passwords, `${formatPasswordLine('default', hashSecretSync(SECRET))}\n`, { mode: 0o600 });
  const server = (ns: string, address: string) =>
    new VnetServer(lab, {
      ns,
      name: ns,
      listen: `tls://${address}:7411`,
      args: ['--password-file', passwords],
    });
  proxy = server('proxy', '198.51.100.2');
  host = server('host', '198.51.100.1');
  await Promise.all([proxy.makeKey(), host.makeKey()]);
  await Promise.all([proxy.start(), host.start()]);
});
test.after(() => lab?.close());

const inTurns = <T>(all: readonly T[]): T[][] =>
  Array.from({ length: SESSIONS }, (_, session) => all.filter((_, i) => i % SESSIONS === session));

/** Says all lines to the Proxy, by some sessions at a time; no single conversation gets long. */
async function askAll(lines: readonly string[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  const session = async (mine: string[]): Promise<void> => {
    while (mine.length > 0) answers.push(...(await proxy.ask(...mine.splice(0, 20))));
  };
  await Promise.all(inTurns(lines).map(session));
  return answers;
}

/** Waits until every Handler is binary at a server. */
const allBinary = (server: VnetServer, deadline = 60_000): Promise<unknown> =>
  waitUntil(
    async () => {
      const binary = (await server.handlers()).filter(({ state }) => state === 'binary').length;
      if (binary === HANDLERS) return true;
      throw new Error(`${binary} are`);
    },
    { what: `${HANDLERS} Handlers to be binary at ${server.name}`, deadline, every: 500 },
  );

/** One frame from the LAN to each VM, heard once at the other end. */
async function eachCarries(mark: string): Promise<void> {
  const listener = await sniff(lab, 'vms', 'eth0', `88b5${mark}`);
  const frames = Array.from(
    { length: HANDLERS },
    (_, i) => `${plain(macOf(i))}5254000000aa88b5${mark}${'00'.repeat(46)}`,
  );
  await sendFrames(lab, 'lan', 'eth0', frames);
  await waitUntil(() => sniffed(listener).length >= HANDLERS, { what: 'a frame through each Handler' });
  // Each Handler keeps its own order; between them there is none.
  assert.equal(sniffed(listener).sort(), frames.sort());
  await listener.kill();
}

test('all are asked for at the same time, and stand', async () => {
  const lines = Array.from(
    { length: HANDLERS },
    (_, i) =>
      `HANDLE ${host.options.listen}?pin=${host.fingerprint} password:${SECRET} lan0 vm0 PROXY HOST ${macOf(i)}`,
  );
  for (const { last } of await askAll(lines)) assert.match(last, /^OK handler=/);
  await allBinary(host);
  await eachCarries('c001');
});

test('the server that dials crashes and comes back: a secret that was right is known again', async () => {
  await proxy.crash();
  const since = performance.now();
  const before = cpuTime([host.program?.pid ?? 0]).own;
  await proxy.start();
  // A thousand are asked for by who measures, on a machine of its own; of fewer the processor's time is looked at below.
  await allBinary(proxy, HANDLERS >= 1000 ? BACK_WITHIN_MS : undefined);
  const took = Math.round(performance.now() - since);
  const cpu = cpuTime([host, proxy].map((server) => server.program?.pid ?? 0)).own - before;
  const most = (HANDLERS / 1000) * CPU_SECONDS;
  console.log(
    `${HANDLERS} Handlers stand again after ${took} ms, ${cpu.toFixed(1)} s of CPU of both servers`,
  );
  assert.ok(cpu < most, `${cpu.toFixed(1)} s of CPU; a thousand in 20 s leave ${most} s for so many`);
  await allBinary(host);
  await eachCarries('c003');
});

test('the server that was dialled crashes and comes back: all stand again by themselves', async () => {
  await host.crash();
  await host.start();
  await allBinary(host);
  await allBinary(proxy);
  await eachCarries('c002');
});

test('all are closed at the same time, and nothing is left', async () => {
  const lines = (await proxy.handlers()).map(({ id }) => `CLOSE ${id}`);
  for (const { last } of await askAll(lines)) assert.is(last, 'OK');
  await host.waitForHandlers([]);
  for (const server of [proxy, host]) {
    await server.stop();
    const replay = await server.replay();
    if (replay.status !== 0) throw new CommandError(replay);
  }
});

test.run();
