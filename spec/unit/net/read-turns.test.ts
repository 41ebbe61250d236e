/**
 * One peer that always has more to send does not keep the rest of the process waiting: what it hands over in one turn
 * of the event loop is bounded, and all of it comes.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { realNetwork } from '../../../io/net/network.ts';
import type { Link } from '../../../io/ports.ts';
import { MOST_TURN_BYTES, TURN_BYTES } from '../../../io/read-turns.ts';
import { until } from '../../suites/until.ts';
import { fresh, NEVER, PLAIN, scratch } from './pairs.ts';

const test = suite('read turns');
const TOTAL = 24 << 20;
/** Of busy work for each piece that comes, so that the sender is ahead. */
const WORK_MS = 0.5;
/** So much that even the largest piece counts as slow. */
const SLOW_MS = 1.5;

/** Sends `total` bytes to whom it dials, or to whoever dials it, and then ends its direction. */
const SENDER = `
const { workerData: { how, options, total }, parentPort } = require('node:worker_threads');
const [net, tls] = [require('node:net'), require('node:tls')];
const chunk = Buffer.alloc(1 << 20, 7);
const send = (socket) => {
  let left = total;
  const more = () => {
    while (left > 0) { left -= chunk.length; if (!socket.write(chunk)) { socket.once('drain', more); return; } }
    socket.end();
  };
  socket.on('error', () => {});
  socket.resume();
  more();
};
const secure = options.key !== undefined || options.rejectUnauthorized === false;
if (how === 'dial') {
  const socket = (secure ? tls : net).connect(options, () => send(socket));
} else {
  const server = (secure ? tls.createServer(options, send) : net.createServer(send));
  server.listen(options.path ?? 0, () => parentPort.postMessage(server.address()));
}
`;

/** Takes everything from a link. @returns bytes in all, and most of one turn */
async function drain(link: Link): Promise<{ bytes: number; most: number }> {
  let bytes = 0;
  let turn = 0;
  let most = 0;
  let over = false;
  const next = (): void => {
    turn = 0;
    if (!over) setImmediate(next);
  };
  next();
  link.attach({
    data(chunk) {
      bytes += chunk.length;
      turn += chunk.length;
      most = Math.max(most, turn);
      const end = performance.now() + WORK_MS;
      while (performance.now() < end);
    },
    drain() {},
    end() {
      over = true;
    },
    closed() {
      over = true;
    },
  });
  await until('the end', () => over, undefined, 30_000);
  link.destroy();
  return { bytes, most };
}

const { material, certFile, keyFile, fingerprint } = await fresh('turns');
const files = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };

function check({ bytes, most }: { bytes: number; most: number }): void {
  assert.is(bytes, TOTAL);
  // The read that passes the bound is taken whole.
  assert.ok(most < 2 * TURN_BYTES, `${most} bytes in one turn`);
}

for (const scheme of ['tcp', 'tls', 'unix'] as const) {
  test(`${scheme}: a flood from who dialled comes in turns`, async () => {
    const links: Link[] = [];
    const at = scheme === 'unix' ? `unix://${join(scratch(), 'in')}` : `${scheme}://127.0.0.1:0`;
    const listener = await realNetwork({ tls: () => material }).listen(at, (link) => links.push(link));
    const where =
      scheme === 'unix' ? { path: listener.url.slice(7) } : { port: Number(new URL(listener.url).port) };
    const options = { ...where, ...(scheme === 'tls' ? { rejectUnauthorized: false } : {}) };
    const worker = new Worker(SENDER, { eval: true, workerData: { how: 'dial', options, total: TOTAL } });
    await until('the link', () => links.length === 1);
    check(await drain(links[0] as Link));
    await worker.terminate();
    await listener.close();
  });

  test(`${scheme}: a flood from whom we dialled comes in turns`, async () => {
    const path = join(scratch(), 'out');
    const options = scheme === 'unix' ? { path } : scheme === 'tls' ? files : {};
    const worker = new Worker(SENDER, { eval: true, workerData: { how: 'listen', options, total: TOTAL } });
    const address = await new Promise<string | { port: number }>((resolve) =>
      worker.once('message', resolve),
    );
    const url = typeof address === 'string' ? `unix://${address}` : `${scheme}://127.0.0.1:${address.port}`;
    const how = scheme === 'tls' ? { signal: NEVER, clientCertificate: false, pin: fingerprint } : PLAIN;
    check(await drain(await realNetwork().dial(url, how)));
    await worker.terminate();
  });
}

test('whose bytes are soon done with reads more at once, and less again when they are not', async () => {
  const links: Link[] = [];
  const listener = await realNetwork().listen('tcp://127.0.0.1:0', (link) => links.push(link));
  const options = { port: Number(new URL(listener.url).port) };
  const worker = new Worker(SENDER, { eval: true, workerData: { how: 'dial', options, total: TOTAL } });
  await until('the link', () => links.length === 1);
  const pieces: number[] = [];
  let slowFrom = Number.POSITIVE_INFINITY;
  let bytes = 0;
  links[0]?.attach({
    data(chunk) {
      assert.is(chunk[0], 7);
      pieces.push(chunk.length);
      bytes += chunk.length;
      if (bytes < TOTAL / 2) return;
      slowFrom = Math.min(slowFrom, pieces.length);
      const end = performance.now() + SLOW_MS;
      while (performance.now() < end);
    },
    drain() {},
    end() {},
    closed() {},
  });
  await until('all of it', () => bytes === TOTAL, undefined, 30_000);
  assert.ok(
    pieces.slice(0, slowFrom).some((piece) => piece > TURN_BYTES),
    'no large read',
  );
  assert.ok(pieces.every((piece) => piece <= MOST_TURN_BYTES));
  // The first slow one shows that it is, and the next one has been asked for by then at the most.
  const slow = pieces.slice(slowFrom + 1);
  assert.ok(slow.length > 10 && slow.every((piece) => piece <= TURN_BYTES), slow.slice(0, 9).join(' '));
  links[0]?.destroy();
  await worker.terminate();
  await listener.close();
});

test.run();
