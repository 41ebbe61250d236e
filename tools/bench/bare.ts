/**
 * The least relay in Node: the addon's TAP, one `net.Socket` and the decoder of records between them. What the servers take beyond
 * this is their own; what this takes beyond relay.cc is Node's.
 *
 *     node bare.js listen|connect ADDRESS PORT       on tap0
 */
import net from 'node:net';
import { addon, type NativeTap, OUTCOME } from '../../io/device/addon.ts';
import { RECORD_ROOM } from '../../io/device/kernel-device.ts';
import { FULL } from '../../io/device/queue-governor.ts';
import { onRead, receiveFrom } from '../../io/net/read-buffer.ts';
import { RecordDecoder } from '../../machines/frames/records.ts';

/** The servers have a bound that follows the rate (io/net/unsent-bound.ts). */
const UNSENT_BYTES = 128 << 10;
const MTU = 1500;

const [role, address, port] = process.argv.slice(2);
const { Tap, sendNow, setNotSentLowat } = addon();
const outcome = new Int32Array(OUTCOME.length);
const tap: NativeTap = new Tap('tap0', true, false, outcome, () => toWire());
const batch = Buffer.allocUnsafeSlow(FULL.batchBytes + RECORD_ROOM);
const decoder = new RecordDecoder({ offload: true });
let send: (bytes: Buffer) => void = () => undefined;

function toWire(): void {
  tap.read(batch, 0, batch.length);
  const end = outcome[OUTCOME.end]!;
  if (end > 0) send(batch.subarray(0, end));
}

const visitor = {
  frames: (buffer: Buffer, start: number, end: number) => tap.write(buffer, start, end),
  ping: ignored,
  pong: ignored,
  bye: ignored,
  note: ignored,
  error: (text: string) => {
    throw new Error(text);
  },
};

function ignored(): void {}

const toTap = (chunk: Buffer): void => decoder.push(chunk, visitor);

function up(socket: net.Socket): void {
  // Node tells nobody the descriptor of a socket, but for this.
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  socket.setNoDelay(true);
  setNotSentLowat(fd, UNSENT_BYTES);
  socket.on('close', () => process.exit(0));
  send = (bytes) => {
    const sent = sendNow(fd, bytes, false);
    if (sent === bytes.length) return;
    tap.poll(false);
    socket.write(Buffer.from(bytes.subarray(sent)), () => tap.poll(true));
  };
  tap.poll(true);
  process.stdout.write('UP\n');
}

tap.setOffload(true);
tap.setMtu(MTU);
if (role === 'listen') {
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    receiveFrom(socket, toTap);
    up(socket);
    socket.resume();
  });
  server.listen(Number(port), address, () => process.stdout.write('READY\n'));
} else {
  const socket: net.Socket = net.connect(
    { port: Number(port), host: address ?? '', onread: onRead(toTap, () => socket) },
    () => up(socket),
  );
}
