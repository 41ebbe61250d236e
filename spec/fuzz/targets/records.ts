/** The record codec: whatever comes, in whatever pieces. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  BYE,
  encodeBye,
  encodeNote,
  encodePing,
  FRAME,
  HEADER_BYTES,
  MAX_LENGTH,
  OFFLOAD,
  PING,
  PONG,
  RecordDecoder,
  recordEnd,
  writeHeader,
} from '../../../machines/frames/records.ts';
import { demand, type FuzzTarget } from '../target.ts';

function record(type: number, bytes: number, claimed = bytes): Buffer {
  const made = Buffer.alloc(HEADER_BYTES + bytes, 0x5a);
  writeHeader(made, 0, type, claimed);
  return made;
}
const ping = Buffer.from('12345678');
const SEEDS = [
  Buffer.concat([record(FRAME, 60), record(FRAME, 14), record(FRAME, 1514), encodePing(PING, ping)]),
  Buffer.concat([
    record(OFFLOAD, 26),
    record(OFFLOAD, 2000),
    encodePing(PONG, ping),
    record(0x80, 100),
    record(FRAME, 64),
  ]),
  Buffer.concat([record(FRAME, 60), encodeNote('mtu=1400'), encodeBye('closed'), record(FRAME, 60)]),
  Buffer.concat([record(0x80, 255), record(0x80, 256), record(FRAME, 60)]),
  record(FRAME, 20, MAX_LENGTH),
  record(0xff, 20, 0xffffff),
  Buffer.concat([record(BYE, 0), record(0x05, 1)]),
];

export const records: FuzzTarget = {
  name: 'records',
  words: ['\x00\x00\x00\x0e', '\x01\x00\x00\x1a', '\x02\x00\x00\x08', '\x04\x00\x00\x00', '\x80\x00\x00\x01'],
  seeds: () => SEEDS,
  run(input) {
    const offload = (input[0] ?? 0) % 2 === 0;
    const whole = decode(input, [input.length || 1], offload);
    for (const sizes of [[1], [3, 5], [4, 100]]) {
      demand(isDeepStrictEqual(decode(input, sizes, offload), whole), 'records depend on how the bytes come');
    }
  },
};

/** What is shown of an input that comes in pieces of these sizes; frames one by one. */
function decode(input: Buffer, sizes: readonly number[], offload: boolean): string[] {
  const decoder = new RecordDecoder({ offload });
  const seen: string[] = [];
  const ended = () => /^(bye|error)/.test(seen.at(-1) ?? '');
  const note = (text: string) => {
    demand(!ended(), 'something is shown behind the end');
    seen.push(text);
  };
  const visitor = {
    frames(buffer: Buffer, start: number, end: number, count: number) {
      let left = count;
      for (let at = start; at < end; at = recordEnd(buffer, at), left--) {
        demand(recordEnd(buffer, at) <= end, 'a record that goes past its run');
        demand(buffer[at] === FRAME || (offload && buffer[at] === OFFLOAD), 'no frame');
        note(
          createHash('md5')
            .update(buffer.subarray(at, recordEnd(buffer, at)))
            .digest('hex'),
        );
      }
      demand(left === 0, 'a run of another number of records');
    },
    ping: (buffer: Buffer, at: number) => note(`ping ${buffer.toString('hex', at, at + 8)}`),
    pong: (buffer: Buffer, at: number) => note(`pong ${buffer.toString('hex', at, at + 8)}`),
    bye: (reason: string) => note(`bye ${reason}`),
    note: (text: string) => note(`note ${text}`),
    error: (text: string) => note(`error ${text}`),
  };
  for (let at = 0, turn = 0; at < input.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    // A copy that is spoilt afterwards: what it keeps it must have copied.
    const chunk = Buffer.from(input.subarray(at, at + size));
    decoder.push(chunk, visitor);
    chunk.fill(0xee);
    at += size;
  }
  demand(decoder.stopped === ended(), 'it goes on behind the end, or stops before');
  return seen;
}
