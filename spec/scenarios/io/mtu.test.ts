/**
 * An MTU that changes while a Handler stands: the other end holds frames against the new one without a new wire, and a
 * bridge's carries our TAP along.
 *
 *     [u] eth0 ─── p0 ┐                                    ┌ v0 ─── eth0 [w]
 *                     br0 ── TAP ══ server [a] ══ server [b] ── TAP t9
 *                                                          └ pcap:v1 ─── v2
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from '../../../tools/lab/lab.ts';
import { ensurePrivileges, tapPossible } from '../../../tools/lab/privilege.ts';
import { SECRET, VnetServer } from '../../../tools/lab/server.ts';
import { ping } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

await ensurePrivileges();

const test = suite('an MTU that changes');
const tapTest = tapPossible() ? test : test.skip;
let lab: Lab;
let a: VnetServer;
let b: VnetServer;

test.before(async () => {
  lab = new Lab();
  await lab.addNamespaces('a', 'b', 'u', 'w');
  await lab.addCable(
    { ns: 'a', dev: 'x', addresses: ['10.9.0.1/24'] },
    { ns: 'b', dev: 'x', addresses: ['10.9.0.2/24'] },
  );
  await lab.addBridge('a', 'br0');
  await lab.addCable(
    { ns: 'a', dev: 'p0', bridge: 'br0' },
    { ns: 'u', dev: 'eth0', addresses: ['10.8.0.1/24'] },
  );
  await lab.addCable({ ns: 'b', dev: 'v0' }, { ns: 'w', dev: 'eth0', addresses: ['10.8.0.2/24'] });
  await lab.ip('b', 'link add v1 type veth peer name v2', 'link set v1 up', 'link set v2 up');
  a = new VnetServer(lab, { ns: 'a', name: 'a', listen: 'tcp://10.9.0.1:7411', args: ['--allow-plaintext'] });
  b = new VnetServer(lab, { ns: 'b', name: 'b', listen: 'tcp://10.9.0.2:7411', args: ['--allow-plaintext'] });
  await a.start();
  await b.start();
});
test.after(async () => {
  await a?.stop();
  await b?.stop();
  lab?.close();
});

/** The MTU of the other end, as the newest record of a Handler has it. */
function farMtu(server: VnetServer, handler: string): number | undefined {
  const mine = server.records().filter(({ actor }) => actor === `handler:${handler}`);
  const told = mine
    .map(({ event }) => event as { type: string; mtu?: number; farMtu?: number; input?: { farMtu?: number } })
    .filter(({ type }) => ['@created', 'begin', 'begin-taken', 'far-mtu'].includes(type))
    .map(({ type, mtu, farMtu: begun, input }) => (type === '@created' ? input?.farMtu : (begun ?? mtu)))
    .filter((value) => value !== undefined);
  return told.at(-1);
}

const mtuOf = async (ns: string, dev: string): Promise<number> => Number((await lab.link(ns, dev)).mtu);

async function becomes(
  what: string,
  wanted: number,
  look: () => number | undefined | Promise<number | undefined>,
) {
  await waitUntil(
    async () => {
      const found = await look();
      if (found === wanted) return true;
      throw new Error(`${what} is ${found}`);
    },
    { what: `${what} of ${wanted}`, deadline: 8_000, every: 100 },
  );
}

const begins = (server: VnetServer): number =>
  server.records().filter(({ event }) => event.type === 'BEGIN').length;

const handle = (near: string, far: string) =>
  a.handle(`tcp://10.9.0.2:7411 password:${SECRET} ${near} ${far} BRIDGE BRIDGE *`);

for (const backend of ['packet', 'pcap']) {
  test(`${backend}: at the responder, and at the initiator`, async () => {
    const id = await handle(`${backend}:p0`, `${backend}:v0`);
    const wires = begins(b);
    await lab.ip('b', 'link set v0 mtu 1400');
    await becomes('the MTU that the initiator knows', 1400, () => farMtu(a, id));
    await lab.ip('a', 'link set p0 mtu 1300');
    await becomes('the MTU that the responder knows', 1300, () => farMtu(b, id));
    // What w sends is longer than p0 takes: dropped where it comes from.
    await ping(lab, 'w', '10.8.0.1', { count: 1, wait: 1, size: 1350 });
    await waitUntil(async () => ((await b.stats(id))['tx_dropped_too-big'] ?? 0) > 0, {
      what: 'a frame that is too big',
    });
    await lab.ip('b', 'link set v0 mtu 1500');
    await lab.ip('a', 'link set p0 mtu 1500');
    await becomes('the MTU that the initiator knows', 1500, () => farMtu(a, id));
    await becomes('the MTU that the responder knows', 1500, () => farMtu(b, id));
    assert.is((await ping(lab, 'u', '10.8.0.2', { size: 1472 })).received, 3);
    assert.is(begins(b), wires, 'without a new wire');
    await a.must(`CLOSE ${id}`);
  });
}

tapTest('a bridge carries its TAP along, and the other end’s TAP', async () => {
  const id = await handle('tap:t0?bridge=br0', 'tap:t9');
  await lab.ip('a', 'link set br0 mtu 1400');
  await becomes('MTU of the TAP in the bridge', 1400, () => mtuOf('a', 't0'));
  await becomes('the MTU that the responder knows', 1400, () => farMtu(b, id));
  await becomes('MTU of the TAP that follows', 1400, () => mtuOf('b', 't9'));
  await lab.ip('a', 'link set br0 mtu 1500');
  await becomes('MTU of the TAP in the bridge', 1500, () => mtuOf('a', 't0'));
  await becomes('MTU of the TAP that follows', 1500, () => mtuOf('b', 't9'));
  await a.must(`CLOSE ${id}`);
});

tapTest('a bridge that follows its ports is not held down by our TAP', async () => {
  await lab.ip('a', 'link add br1 type bridge', 'link set br1 up');
  await lab.ip('a', 'link add q0 type veth peer name q1', 'link set q0 master br1', 'link set q0 up');
  const id = await handle('tap:t1?bridge=br1', 'v1');
  await lab.ip('a', 'link set q0 mtu 1350');
  await becomes('MTU of the bridge', 1350, () => mtuOf('a', 'br1'));
  await becomes('MTU of the TAP', 1350, () => mtuOf('a', 't1'));
  await lab.ip('a', 'link set q0 mtu 1500');
  await becomes('MTU of the TAP', 1500, () => mtuOf('a', 't1'));
  await becomes('MTU of the bridge', 1500, () => mtuOf('a', 'br1'));
  // One that was set by hand stays what it is.
  await lab.ip('a', 'link set br1 mtu 1400');
  await becomes('MTU of the TAP', 1400, () => mtuOf('a', 't1'));
  await becomes('the MTU that the responder knows', 1400, () => farMtu(b, id));
  assert.is(await mtuOf('a', 'br1'), 1400);
  await a.must(`CLOSE ${id}`);
});

tapTest('?mtu= beside ?bridge= is refused when it is another one', async () => {
  for (const mtu of [1400, 1600]) {
    const [answer] = await a.ask(
      `HANDLE tcp://10.9.0.2:7411 password:${SECRET} tap:t2?mtu=${mtu}&bridge=br0 v0 BRIDGE BRIDGE *`,
    );
    assert.match(answer?.last ?? '', /^ERR 400 bad-device .*1500/);
  }
  const id = await handle('tap:t2?mtu=1500&bridge=br0', 'v0');
  await a.must(`CLOSE ${id}`);
});

test.run();
