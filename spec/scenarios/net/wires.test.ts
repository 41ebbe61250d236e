// runner: waits
/**
 * Several wires over a line with a length, between real servers:
 *
 *     near [10.9.0.1, tap 10.77.0.1] ── vnet ══ line, 15 ms each way ══ vnet ── [10.9.0.2, tap 10.77.0.2] far
 *
 * VNET_FULL=1 lets wires break for a minute, in place of some seconds.
 */
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from '../../../tools/lab/lab.ts';
import { Line } from '../../../tools/lab/line.ts';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { SECRET, VnetServer, vnet } from '../../../tools/lab/server.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

await ensurePrivileges();

const test = suite('several wires on a line');
const STREAM = [
  process.execPath,
  ...process.execArgv,
  fileURLToPath(new URL('stream-end.ts', import.meta.url)),
];
const DELAY = 15;
const CUT_EVERY_MS = 2_000;
const CUTS = process.env.VNET_FULL === undefined ? 5 : 30;
const PORT = 7411;
let lab: Lab;
let near: VnetServer;
let far: VnetServer;

/** Wires that a server tells of in STATS?. */
async function wiresOf(server: VnetServer, id: string): Promise<number> {
  const { data } = await server.must(`STATS? ${id}`);
  return data.filter((line) => /^STAT wire\d+_rtt_us /.test(line)).length;
}

async function expectWires(id: string, count: number): Promise<void> {
  for (const server of [near, far]) {
    await waitUntil(
      async () => {
        const have = await wiresOf(server, id);
        if (have === count) return true;
        throw new Error(`${server.name} has ${have} wires`);
      },
      { what: `${count} wires at ${server.name}`, deadline: 20_000, every: 100 },
    );
  }
}

const handle = (tap: string, options: string): Promise<string> =>
  near.handle(
    `tcp://10.9.0.2:${PORT} password:${SECRET} tap:${tap} tap:${tap} BRIDGE BRIDGE * ${options}`.trim(),
  );

/** The ports of near's ends of all connections to far, oldest port first. */
async function ports(): Promise<readonly string[]> {
  const { stdout } = await lab.run('near', ['ss', '-Htn', 'state', 'established', 'dport', '=', `:${PORT}`]);
  return [...stdout.matchAll(/10\.9\.0\.1:(\d+)/g)].map(([, port]) => port!).sort();
}

test.before(async () => {
  lab = new Lab();
  await lab.addNamespaces('near', 'far');
  await Line.lay(
    lab,
    { ns: 'near', dev: 'wan0', addresses: ['10.9.0.1/24'] },
    { ns: 'far', dev: 'wan0', addresses: ['10.9.0.2/24'] },
    { delay: DELAY },
  );
  const server = (ns: string, listen: string) =>
    new VnetServer(lab, { ns, name: ns, listen, args: ['--allow-plaintext'] });
  near = server('near', `tcp://10.9.0.1:${PORT}`);
  far = server('far', `tcp://10.9.0.2:${PORT}`);
  await Promise.all([near.start(), far.start()]);
});
test.after(async () => {
  try {
    await Promise.all([near.stop(), far.stop()]);
  } finally {
    lab.close();
  }
});

test('four wires on a way with a length, and one where the operator wants one', async () => {
  const four = await handle('tap4', '');
  await expectWires(four, 4);
  // Who asks by the socket file is another identity than the server that dialled.
  const [refused] = await far.ask(`JOIN ${four} 1`);
  assert.match(refused!.last, /^ERR 403 forbidden /);
  const one = await handle('tap1', 'wires=1');
  // Further ones would be there within two PINGs, as those of the first Handler were.
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  await expectWires(one, 1);
  for (const id of [four, one]) await near.must(`CLOSE ${id}`);
  await waitUntil(async () => (await far.handlers()).length === 0, { what: 'no Handler at far' });
});

test('wires that break one after the other cost a stream less than a second, and the Handler nothing', async () => {
  const id = await handle('tap0', '');
  for (const [ns, address] of [
    ['near', '10.77.0.1/24'],
    ['far', '10.77.0.2/24'],
  ] as const) {
    await lab.ip(ns, `address add ${address} dev tap0`, 'link set dev tap0 up');
  }
  await expectWires(id, 4);
  const hear = lab.spawn('far', [...STREAM, 'hear', '10.77.0.2', '7000'], { cwd: process.cwd() });
  await hear.waitFor(/^READY$/m);
  const seconds = (CUTS * CUT_EVERY_MS) / 1_000 + 1;
  const send = lab.spawn('near', [...STREAM, 'send', '10.77.0.2', '7000', String(seconds)], {
    cwd: process.cwd(),
  });
  const states = new Set<string>();
  let cuts = 0;
  for (let cut = 0; cut < CUTS; cut++) {
    const until = performance.now() + CUT_EVERY_MS;
    const open = await ports();
    // The last one is let be: the delays before a number is dialled again grow, as section 4 says.
    if (open.length >= 2) {
      const port = open[cut % open.length]!;
      await lab.run('near', ['ss', '-K', 'dport', '=', `:${PORT}`, 'and', 'sport', '=', `:${port}`]);
      cuts++;
    }
    while (performance.now() < until) {
      for (const server of [near, far]) for (const { state } of await server.handlers()) states.add(state);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  const [, sent = ''] = await send.waitFor(/SENT (\d+)/);
  await hear.stop();
  const seen = JSON.parse(hear.stdout.trim().split('\n').at(-1)!) as Record<string, number>;
  const told = `${cuts} wires cut, ${sent} sent: ${JSON.stringify(seen)}`;
  const broken = near.records().filter(({ event }) => event.type === 'wire-lost');
  assert.ok(broken.length >= cuts && cuts >= CUTS / 2, `${broken.length} of ${cuts} wires broke`);
  assert.equal([...states], ['binary'], told);
  assert.is(seen.twice, 0, told);
  assert.is(seen.behind, 0, told);
  assert.ok(seen.silence! < 1_000, told);
  assert.ok(seen.came! > 0.8 * Number(sent), told);
  if (process.env.VNET_VERBOSE !== undefined) console.log(told);
  await near.must(`CLOSE ${id}`);
});

test('the suite of cases about wires, JOIN and its errors among them, against a server that is far away', async () => {
  const passed = await conform();
  const failed = /^not ok[\s\S]*?(?=^(?:ok|not ok) )/gm;
  const told = (passed.stdout.match(failed) ?? [passed.stdout.slice(-2_000)]).join('');
  assert.match(passed.stdout, / 0 failed,/, told.slice(0, 6_000) + passed.stderr);
});

function conform() {
  return lab.run(
    'near',
    vnet(
      ...[
        'conform',
        `tcp://10.9.0.2:${PORT}`,
        '--allow-plaintext',
        '--reach',
        '10.9.0.1',
        '--only',
        'wires/',
      ],
    ),
    { env: { VNET_PASSWORD: SECRET }, anyStatus: true, timeout: 120_000 },
  );
}

test.run();
