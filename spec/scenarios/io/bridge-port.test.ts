// runner: waits
/**
 * A TAP in a bridge stays in it, whatever takes it out; one that stood before the server is left as it was found.
 *
 *     [u] eth0 ─── p0 ┐
 *                     br0 ── TAP ══ server [s], which dials itself ══ v0 ─── eth0 [w]
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from '../../../tools/lab/lab.ts';
import { ensurePrivileges, tapPossible } from '../../../tools/lab/privilege.ts';
import { SECRET, VnetServer } from '../../../tools/lab/server.ts';
import { waitForPing } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

await ensurePrivileges();

const test = suite('a TAP in a bridge');
let lab: Lab;
let server: VnetServer;

test.before(async () => {
  lab = new Lab();
  await lab.addNamespaces('s', 'u', 'w');
  await lab.addBridge('s', 'br0');
  await lab.addBridge('s', 'br1');
  await lab.addCable(
    { ns: 's', dev: 'p0', bridge: 'br0' },
    { ns: 'u', dev: 'eth0', addresses: ['10.8.0.1/24'] },
  );
  await lab.addCable({ ns: 's', dev: 'v0' }, { ns: 'w', dev: 'eth0', addresses: ['10.8.0.2/24'] });
  server = new VnetServer(lab, { ns: 's', name: 's', listen: 'tcp://127.0.0.1:7413' });
  await server.start();
});
test.after(async () => {
  await server?.stop();
  lab?.close();
});

const handle = (tap: string): Promise<string> =>
  server.handle(`tcp://127.0.0.1:7412 password:${SECRET} tap:${tap}?bridge=br0 v0 BRIDGE BRIDGE *`);

const reached = (): Promise<void> => waitForPing(lab, 'u', '10.8.0.2', 2);

/** What is on record of a TAP's bridge: `left` and `joined`, each with the bridge's name. */
const onRecord = (tap: string): string[] =>
  server
    .records()
    .filter(({ actor }) => actor === `device:tap:${tap}?bridge=br0`)
    .filter(({ event }) => event.type === 'bridge')
    .map(({ event }) => `${event.joined === true ? 'joined' : 'left'} ${event.bridge}`);

let taps = 0;
const tap = (name: string, run: (name: string) => Promise<void>): void =>
  void (tapPossible() ? test : test.skip)(name, () => run(`t${taps++}`));

tap('is joined again, told and on record', async (dev) => {
  const handler = await handle(dev);
  await reached();
  const before = await lab.link('s', dev);

  await lab.ip('s', `link set ${dev} nomaster`);
  await waitUntil(async () => (await lab.link('s', dev)).master === 'br0', { what: 'the TAP in br0' });
  await waitUntil(() => onRecord(dev).length === 2, { what: 'that on record' });
  assert.equal(onRecord(dev), ['left br0', 'joined br0']);
  await reached();

  // Another one of that name, with another MTU.
  await lab.ip('s', 'link del dev br0');
  await waitUntil(() => onRecord(dev).length === 3, { what: 'that on record' });
  await lab.ip('s', 'link add br0 type bridge stp_state 0 forward_delay 0');
  await lab.ip('s', 'link set br0 up', 'link set p0 master br0');
  await waitUntil(async () => (await lab.link('s', dev)).master === 'br0', {
    what: 'the TAP in the new br0',
  });
  await reached();

  await lab.ip('s', `link set ${dev} master br1`);
  await waitUntil(async () => (await lab.link('s', dev)).master === 'br0', { what: 'the TAP back in br0' });
  await reached();
  assert.is((await lab.link('s', dev)).address, before.address);

  // A bridge that has another name is the same one.
  await lab.ip('s', 'link set br0 name br7');
  await lab.ip('s', `link set ${dev} nomaster`);
  await waitUntil(async () => (await lab.link('s', dev)).master === 'br7', { what: 'the TAP in br7' });
  await lab.ip('s', 'link set br7 name br0');
  await waitUntil(() => onRecord(dev).length === 8, { what: 'all that on record' });
  assert.equal(onRecord(dev).slice(2), [
    'left br0',
    'joined br0',
    'left br0',
    'joined br0',
    'left br7',
    'joined br7',
  ]);
  const told = server.program?.stderr.split('\n').filter((line) => line.includes('"level":"warn"')) ?? [];
  assert.is(told.filter((line) => line.includes('out of its bridge')).length, 4, told.join('\n'));
  assert.is(told.filter((line) => line.includes('joined its bridge again')).length, 4, told.join('\n'));
  await server.must(`CLOSE ${handler}`);
  await server.waitForHandlers([]);
});

tap('is put back, too, when it was taken out while no server ran', async (dev) => {
  const handler = await handle(dev);
  await server.crash();
  await lab.ip('s', `link set ${dev} master br1`);
  await server.start();
  await server.waitForHandlers(['binary', 'binary']);
  await reached();
  assert.is((await lab.link('s', dev)).master, 'br0');
  await server.must(`CLOSE ${handler}`);
  await server.waitForHandlers([]);
});

const MAC = '02:00:00:00:12:34';
const state = async (dev: string): Promise<unknown> => {
  const { master, address, mtu, txqlen, flags } = await lab.link('s', dev);
  return { master, address, mtu, txqlen, up: (flags as string[]).includes('UP') };
};

for (const way of ['CLOSE', 'CLOSE after a crash', 'the end of the server']) {
  tap(`that stood before is left as it was found: ${way}`, async (dev) => {
    await lab.ip(
      's',
      `tuntap add dev ${dev} mode tap`,
      `link set ${dev} address ${MAC} mtu 1400 txqueuelen 77`,
    );
    const before = await state(dev);
    const handler = await handle(dev);
    await reached();
    if (way === 'CLOSE after a crash') {
      await server.crash();
      await server.start();
      await server.waitForHandlers(['binary', 'binary']);
      await reached();
    }
    assert.is((await lab.link('s', dev)).master, 'br0');
    if (way === 'the end of the server') {
      await server.stop();
      assert.equal(await state(dev), before);
      await server.start();
      await server.waitForHandlers(['binary', 'binary']);
      await reached();
    }
    await server.must(`CLOSE ${handler}`);
    await server.waitForHandlers([]);
    await waitUntil(async () => (await lab.link('s', dev)).master === undefined, { what: 'the TAP outside' });
    await waitUntil(async () => assert.equal(await state(dev), before) === undefined, {
      what: 'the TAP as it was',
      deadline: 3_000,
    });
    await lab.ip('s', `tuntap del dev ${dev} mode tap`);
  });
}

tap('that stood in it before stays there', async (dev) => {
  await lab.ip(
    's',
    `tuntap add dev ${dev} mode tap`,
    `link set ${dev} address ${MAC}`,
    `link set ${dev} master br0`,
    `link set ${dev} up`,
  );
  const before = await state(dev);
  const handler = await handle(dev);
  await lab.ip('s', 'link del dev br0', 'link add br0 type bridge stp_state 0 forward_delay 0');
  await lab.ip('s', 'link set br0 up', 'link set p0 master br0');
  await waitUntil(() => onRecord(dev).length === 2, { what: 'the TAP in br0' });
  await reached();
  await server.must(`CLOSE ${handler}`);
  await server.waitForHandlers([]);
  await waitUntil(async () => assert.equal(await state(dev), before) === undefined, {
    what: 'the TAP as it was',
    deadline: 3_000,
  });
});

test.run();
