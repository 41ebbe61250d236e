/** Arguments that no caller of ours would give, and batches of records as a peer that means no good would send them. */
import {
  FRAME,
  HEADER_BYTES,
  OFFLOAD,
  payloadLength,
  recordEnd,
  writeHeader,
} from '../../../machines/frames/records.ts';
import { segment } from '../../../machines/frames/segment.ts';
import { RecordWriter } from '../../../machines/frames/writer.ts';
import { EXAMPLE, superRecord } from '../../unit/frames/packets.ts';
import { type Dice, mutate } from '../mutate.ts';
import { frames } from '../targets/frames.ts';

const VIRTIO_BYTES = 12;
/** Before the virtio header the inputs of target `frames` have a byte that says the MTU. */
const SEEDS = frames.seeds().map((seed) => seed.subarray(1));
/** The last types are not for a device, nor known. */
const TYPES = [FRAME, FRAME, FRAME, OFFLOAD, OFFLOAD, OFFLOAD, 0x02, 0x7f, 0x80, 0xff];

/** Memory of just this length: the first byte behind it is nobody's. */
export function exactly(bytes: number): Buffer {
  return Buffer.allocUnsafeSlow(bytes);
}

export function record(type: number, payload: Uint8Array): Buffer {
  const made = exactly(HEADER_BYTES + payload.length);
  writeHeader(made, 0, type, payload.length);
  made.set(payload, HEADER_BYTES);
  return made;
}

/** A record of a changed frame, now and then of one that is right. */
export function hostileRecord(dice: Dice, types: readonly number[] = TYPES): Buffer {
  const type = dice.pick(types);
  const payload = dice.below(5) === 0 ? dice.pick(SEEDS) : mutate(SEEDS, dice, frames.words);
  return record(type, type === FRAME ? payload.subarray(VIRTIO_BYTES) : payload);
}

/** TCP segments that follow one another, so that they are joined; in some of them one byte is another one. */
function following(dice: Dice): Buffer {
  const payload = new Uint8Array(1 + dice.below(12_000)).fill(dice.below(256));
  const whole = superRecord({ ...EXAMPLE, version: dice.pick([4, 6]), payload }, 8 + dice.below(1460));
  const out = new RecordWriter();
  segment(whole, 0, whole.length, 1500, out);
  const bytes = Buffer.from(out.buffer.subarray(0, out.length));
  if (bytes.length > 0 && dice.below(2) === 0) bytes[dice.below(bytes.length)] = dice.below(256);
  return bytes;
}

/** Records behind one another, mostly whole; in memory of just their length. */
export function hostileBatch(dice: Dice): Buffer {
  const parts = Array.from({ length: dice.below(dice.below(4) === 0 ? 80 : 6) }, () =>
    dice.below(4) === 0 ? following(dice) : hostileRecord(dice),
  );
  const bytes = Buffer.concat(parts);
  const whole = dice.below(4) > 0 || bytes.length === 0;
  const kept = whole ? bytes : mutate([bytes], dice, []);
  const made = exactly(kept.length);
  kept.copy(made);
  return made;
}

/** How many whole records stand in a batch, and whether something is left behind them. */
export function countRecords(batch: Buffer): { readonly records: number; readonly torn: boolean } {
  let at = 0;
  let records = 0;
  while (batch.length - at >= HEADER_BYTES && payloadLength(batch, at) <= batch.length - at - HEADER_BYTES) {
    at = recordEnd(batch, at);
    records++;
  }
  return { records, torn: at < batch.length };
}

class Sour {
  get mtu(): number {
    throw new Error('this one cannot be read');
  }
}

function givenAway(): Uint8Array {
  const array = new Uint8Array(64);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const VALUES: readonly ((dice: Dice) => unknown)[] = [
  () => undefined,
  () => null,
  (dice) => dice.below(70_000),
  (dice) => dice.pick([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 1e300]),
  (dice) => dice.below(2) === 0,
  (dice) => dice.pick(['', 'lo', '\0', 'x'.repeat(127), 'y'.repeat(5000), '../a', '%d', 'ü'.repeat(9)]),
  () => 10n,
  () => Symbol('none'),
  () => [],
  () => ({}),
  () => new Sour(),
  () => () => undefined,
  (dice) => exactly(dice.below(200)),
  (dice) => new Uint8Array(new ArrayBuffer(100), dice.below(50), dice.below(50)),
  (dice) => new Int32Array(dice.below(12)),
  () => new Float64Array(9),
  () => new DataView(new ArrayBuffer(36)),
  () => new ArrayBuffer(36),
  () => new Uint8Array(new SharedArrayBuffer(64)),
  givenAway,
];

/** Any value at all. */
export function anything(dice: Dice): unknown {
  return dice.pick(VALUES)(dice);
}
