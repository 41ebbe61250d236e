/**
 * One end of a transfer of bytes by TCP, run as a program of its own inside of a namespace:
 *
 *     transfer receive PORT              prints LISTENING, takes one connection, prints the result line
 *     transfer send ADDRESS PORT BYTES   prints the result line
 *
 * The result line is JSON: {"bytes":…,"sha256":"…","seconds":…}. Before it the receiver prints how many bytes it has,
 * once a second: RECEIVED 1234.
 */
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';

const CHUNK = 256 * 1024;

function result(bytes: number, sha256: string, since: number): void {
  process.stdout.write(`${JSON.stringify({ bytes, sha256, seconds: (performance.now() - since) / 1000 })}\n`);
}

function receive(port: number): void {
  const server = createServer({ pauseOnConnect: false }, (socket: Socket) => {
    const hash = createHash('sha256');
    const since = performance.now();
    let bytes = 0;
    const ticker = setInterval(() => process.stdout.write(`RECEIVED ${bytes}\n`), 1000);
    server.close();
    socket.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      bytes += chunk.length;
    });
    socket.on('end', () => {
      clearInterval(ticker);
      result(bytes, hash.digest('hex'), since);
    });
    socket.on('error', fail);
  });
  server.on('error', fail);
  server.listen(port, '::', () => process.stdout.write('LISTENING\n'));
}

/**
 * Sends the key stream of a cipher (AES in counter mode) with a random key: as cheap to make as it is to hash, and
 * nowhere the same, so that no piece can stand in for another, however far away.
 */
async function send(address: string, port: number, total: number): Promise<void> {
  const socket = connect({ host: address, port, noDelay: true });
  socket.on('error', fail);
  const hash = createHash('sha256');
  const random = createCipheriv('aes-128-ctr', randomBytes(16), randomBytes(16));
  const zeros = Buffer.alloc(CHUNK);
  const since = performance.now();
  for (let sent = 0; sent < total; ) {
    const chunk = random.update(zeros.subarray(0, Math.min(CHUNK, total - sent)));
    hash.update(chunk);
    sent += chunk.length;
    // One chunk in hand at a time: what the socket has not taken yet is not to pile up here.
    await new Promise<void>((resolve) => socket.write(chunk, () => resolve()));
  }
  socket.end();
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  result(total, hash.digest('hex'), since);
}

function fail(error: Error): never {
  process.stderr.write(`transfer: ${error.message}\n`);
  process.exit(1);
}

const [verb, ...rest] = process.argv.slice(2);
if (verb === 'receive') receive(Number(rest[0]));
else if (verb === 'send') await send(rest[0] ?? '', Number(rest[1]), Number(rest[2]));
else fail(new Error('usage: transfer receive PORT | transfer send ADDRESS PORT BYTES'));
