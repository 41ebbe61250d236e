/**
 * The process of a `pcap:` device is killed: it is started again, its Handlers go on. And HANDLE right behind the CLOSE that
 * releases such a device.
 *
 *     [u] eth0 ─── pcap:p0 ══ server [s], which dials itself ══ packet:v0 ─── eth0 [w]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from '../../../tools/lab/lab.ts';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { SECRET, VnetServer } from '../../../tools/lab/server.ts';
import { waitForPing } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

await ensurePrivileges();

const test = suite('the process of a pcap device');
let lab: Lab;
let server: VnetServer;

test.before(async () => {
  lab = new Lab();
  await lab.addNamespaces('s', 'u', 'w');
  await lab.addCable({ ns: 's', dev: 'p0' }, { ns: 'u', dev: 'eth0', addresses: ['10.8.0.1/24'] });
  await lab.addCable({ ns: 's', dev: 'v0' }, { ns: 'w', dev: 'eth0', addresses: ['10.8.0.2/24'] });
  server = new VnetServer(lab, { ns: 's', name: 's', listen: 'tcp://127.0.0.1:7413' });
  await server.start();
});
test.after(async () => {
  await server?.stop();
  lab?.close();
});

const LINE = `tcp://127.0.0.1:7412 password:${SECRET} pcap:p0 packet:v0 BRIDGE BRIDGE *`;

const reached = (): Promise<void> => waitForPing(lab, 'u', '10.8.0.2', 2);

/** The process of this server that holds the session on p0. */
function child(): number | undefined {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words.includes('p0') && words.some((word) => /pcap[/-]child/.test(word)) && isOurs(pid);
      } catch {
        return false; // it has ended meanwhile
      }
    });
}

/** Whether the server, or what started it, is above it. */
function isOurs(pid: number): boolean {
  const parent = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  return parent > 1 && (parent === server.program?.pid || isOurs(parent));
}

/** Kills the process, once there is one that is another than `last`. @returns its id */
async function killed(last = 0): Promise<number> {
  let pid: number | undefined;
  const found = () => {
    pid = child();
    return pid !== undefined && pid !== last;
  };
  await waitUntil(found, { what: 'a pcap process', deadline: 20_000, every: 20 });
  process.kill(pid!, 'SIGKILL');
  return pid!;
}

/** Events on record of the device. */
const onRecord = (): string[] =>
  server
    .records()
    .filter(({ actor }) => actor.startsWith('device:pcap:p0'))
    .map(({ event }) => event.type);

test('killed with -9 it is started again, told, on record and counted; its Handlers go on', async () => {
  const id = await server.handle(LINE);
  await reached();
  for (const times of [1, 2]) {
    const before = await killed();
    await waitUntil(() => onRecord().filter((type) => type === 'recovered').length === times, {
      what: 'that it carries again',
    });
    await waitUntil(() => child() !== before && child() !== undefined, { what: 'another process' });
    await reached();
  }
  assert.equal(
    onRecord().filter((type) => /interrupted|recovered|gone/.test(type)),
    ['interrupted', 'recovered', 'interrupted', 'recovered'],
  );
  assert.match(server.told, /device interrupted;/);
  assert.is((await server.stats(id)).device_interruptions, 2);
  const states = (await server.handlers()).map(({ state }) => state);
  assert.equal(states, ['binary', 'binary'], 'both sides have stood all the time');
  assert.is(server.records().filter(({ event }) => event.type === 'BEGIN').length, 1);
  await server.must(`CLOSE ${id}`);
  assert.is(child(), undefined, 'none is left');
});

test('again and again: once a second at most', async () => {
  const id = await server.handle(LINE);
  const since = performance.now();
  let last = 0;
  let times = 0;
  for (; performance.now() - since < 4_000; times++) last = await killed(last);
  // The first one was there before; each other one was started, the last of them maybe behind the 4 s.
  const seconds = (performance.now() - since) / 1_000;
  assert.ok(times - 1 <= seconds, `${times - 1} times in ${seconds} s`);
  await server.must(`CLOSE ${id}`);
  await waitUntil(() => child() === undefined, { what: 'no process' });
});

test('CLOSE while there is none, and an interface that goes with it', async () => {
  const id = await server.handle(LINE);
  await killed();
  await server.must(`CLOSE ${id}`);
  await waitUntil(() => child() === undefined, { what: 'no process' });
  const next = await server.handle(LINE);
  await killed();
  await lab.ip('s', 'link del dev p0');
  await server.waitForHandlers(['unauthenticated', 'handling'], 15_000);
  await lab.addCable({ ns: 's', dev: 'p0' }, { ns: 'u', dev: 'eth0', addresses: ['10.8.0.1/24'] });
  await server.waitForHandlers(['binary', 'binary'], 20_000);
  await reached();
  await server.must(`CLOSE ${next}`);
});

test('HANDLE right behind CLOSE waits until it is released', async () => {
  let id = await server.handle(LINE);
  for (let round = 0; round < 4; round++) {
    const other = round % 2 === 0 ? LINE.replace('pcap:p0', 'packet:p0') : LINE;
    const [closed, opened] = await server.ask(`CLOSE ${id}`, `HANDLE ${other}`);
    assert.is(closed?.last, 'OK');
    assert.match(opened?.last ?? '', /^OK handler=/, `round ${round}`);
    id = /handler=(\w+)/.exec(opened?.last ?? '')?.[1] ?? '';
    await reached();
  }
  await server.must(`CLOSE ${id}`);
});

test.run();
