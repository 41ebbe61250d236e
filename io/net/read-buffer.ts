/**
 * One buffer into which every socket of the process reads.
 *
 * libuv reads one socket at a time and hands the bytes over before it reads the next one, so a single buffer
 * serves thousands of sockets; what a sink wants to keep it copies. Against stream 'data' events, which allocate
 * 64 KiB for each read, this costs a third to a half less CPU time per byte, for TCP and for TLS.
 */
import type { OnReadOpts, Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { MOST_TURN_BYTES, ReadSize, readTurns, TURN_BYTES } from '../read-turns.ts';

const shared = Buffer.allocUnsafeSlow(MOST_TURN_BYTES);
/** As much of it as a socket reads at once whose bytes take long. */
const part = shared.subarray(0, TURN_BYTES);

/** The bytes are valid during the call only. */
export type Receive = (chunk: Buffer) => void;

/** The `onread` option for a socket that is yet to be dialled; `socket` gives it once it is there. */
export function onRead(receive: Receive, socket: () => Socket | undefined): OnReadOpts {
  const size = new ReadSize();
  const turns = readTurns(socket, size);
  return {
    // Asked for before the first read and behind each.
    buffer: () => (size.bytes === TURN_BYTES ? part : shared),
    callback: (bytes) => {
      const full = bytes === size.bytes;
      const since = full ? performance.now() : 0;
      receive(shared.subarray(0, bytes));
      const goOn = turns(bytes);
      if (full) size.took(bytes, performance.now() - since);
      return goOn;
    },
  };
}

/** The parts of an accepted socket that Node has no public option for. */
interface Internals {
  readonly _handle?: { useUserBuffer?: (buffer: Uint8Array) => void } | null;
  [field: symbol]: unknown;
}

/**
 * The same for a socket that stands already: `onread` cannot be asked for on an accepted socket, nor on one that
 * TLS was laid over, so this sets the fields that the option would have set. Where this Node does not have them
 * the socket goes on by 'data' events.
 */
export function receiveFrom(socket: Socket, receive: Receive): void {
  const inner = socket as unknown as Internals;
  const buffer = ownSymbol(socket, 'kBuffer');
  const callback = ownSymbol(socket, 'kBufferCb');
  const next = ownSymbol(socket, 'kBufferGen');
  const use = inner._handle?.useUserBuffer;
  if (buffer === undefined || callback === undefined || next === undefined || use === undefined) {
    socket.on('data', receive);
    return;
  }
  const option = onRead(receive, () => socket);
  inner[buffer] = part;
  inner[callback] = option.callback;
  inner[next] = option.buffer;
  use.call(inner._handle, part);
}

function ownSymbol(socket: Socket, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === description);
}
