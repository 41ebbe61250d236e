/**
 * One buffer into which every socket of the process reads.
 *
 * libuv reads one socket at a time and hands the bytes over before it reads the next one, so a single buffer
 * serves thousands of sockets; what a sink wants to keep it copies. Against stream 'data' events, which allocate
 * 64 KiB for each read, this costs a third to a half less CPU time per byte, for TCP and for TLS.
 */
import type { OnReadOpts, Socket } from 'node:net';
import { readTurns, TURN_BYTES } from '../read-turns.ts';

const shared = Buffer.allocUnsafeSlow(TURN_BYTES);

/** The bytes are valid during the call only. */
export type Receive = (chunk: Buffer) => void;

/** The `onread` option for a socket that is yet to be dialled; `socket` gives it once it is there. */
export function onRead(receive: Receive, socket: () => Socket | undefined): OnReadOpts {
  const turns = readTurns(socket);
  return {
    buffer: shared,
    callback: (bytes) => {
      receive(shared.subarray(0, bytes));
      return turns(bytes);
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
  const use = inner._handle?.useUserBuffer;
  if (buffer === undefined || callback === undefined || use === undefined) {
    socket.on('data', receive);
    return;
  }
  inner[buffer] = shared;
  inner[callback] = onRead(receive, () => socket).callback;
  use.call(inner._handle, shared);
}

function ownSymbol(socket: Socket, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === description);
}
