/** Makes new inputs of old ones. All chance comes from one number, so that a run can be had again. */

/** A small generator (xorshift32), good enough to pick places and bytes. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** 0 <= x < most */
  below(most: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state % Math.max(1, most);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

/** Longest input that is made. */
const MOST_BYTES = 70_000;
const NUMBERS = [
  '0',
  '1',
  '-1',
  '255',
  '256',
  '65535',
  '65536',
  '4294967296',
  '9007199254740993',
  '1e309',
  '0x10',
];
const BYTES = [0x00, 0x01, 0x04, 0x09, 0x0a, 0x0d, 0x20, 0x22, 0x2a, 0x5c, 0x7f, 0x80, 0xc0, 0xff];

type Change = (bytes: Buffer, dice: Dice, words: readonly string[], others: readonly Buffer[]) => Buffer;

const replace = (bytes: Buffer, from: number, to: number, by: Uint8Array) =>
  Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)]);

/** A place in the input, and an end behind it; short stretches more often than long ones. */
function stretch(bytes: Buffer, dice: Dice): [number, number] {
  const from = dice.below(bytes.length + 1);
  const most = dice.below(4) === 0 ? bytes.length : 8;
  return [from, Math.min(bytes.length, from + 1 + dice.below(most))];
}

const CHANGES: readonly Change[] = [
  function flipBit(bytes, dice) {
    if (bytes.length === 0) return bytes;
    const changed = Buffer.from(bytes);
    const at = dice.below(bytes.length);
    changed[at] = changed[at]! ^ (1 << dice.below(8));
    return changed;
  },
  function setByte(bytes, dice) {
    if (bytes.length === 0) return bytes;
    const changed = Buffer.from(bytes);
    changed[dice.below(bytes.length)] = dice.below(2) === 0 ? dice.pick(BYTES) : dice.below(256);
    return changed;
  },
  function setWord(bytes, dice) {
    if (bytes.length < 4) return bytes;
    const changed = Buffer.from(bytes);
    const value = dice.pick([0, 1, 0x7f, 0xff, 0x100, 0x7fff, 0xffff, dice.below(0x10000)]);
    const at = dice.below(bytes.length - 1);
    if (dice.below(2) === 0) changed.writeUInt16BE(value, at);
    else changed.writeUInt16LE(value, at);
    return changed;
  },
  function cutOut(bytes, dice) {
    const [from, to] = stretch(bytes, dice);
    return replace(bytes, from, to, Buffer.alloc(0));
  },
  function cutOff(bytes, dice) {
    return Buffer.from(bytes.subarray(0, dice.below(bytes.length + 1)));
  },
  function repeat(bytes, dice) {
    const [from, to] = stretch(bytes, dice);
    const part = bytes.subarray(from, to);
    const times = 1 + dice.below(dice.below(8) === 0 ? 500 : 4);
    return replace(bytes, from, from, Buffer.concat(Array.from({ length: times }, () => part)));
  },
  function putBytes(bytes, dice) {
    const [from] = stretch(bytes, dice);
    return replace(
      bytes,
      from,
      from,
      Buffer.from(Array.from({ length: 1 + dice.below(8) }, () => dice.below(256))),
    );
  },
  function putWord(bytes, dice, words) {
    const [from, to] = stretch(bytes, dice);
    const word = words.length === 0 || dice.below(4) === 0 ? dice.pick(NUMBERS) : dice.pick(words);
    return replace(bytes, from, dice.below(2) === 0 ? from : to, Buffer.from(word));
  },
  function changeNumber(bytes, dice) {
    const text = bytes.toString('latin1');
    const numbers = [...text.matchAll(/\d+/g)];
    if (numbers.length === 0) return bytes;
    const found = dice.pick(numbers);
    return replace(bytes, found.index, found.index + found[0].length, Buffer.from(dice.pick(NUMBERS)));
  },
  function splice(bytes, dice, _, others) {
    const other = dice.pick(others);
    return Buffer.concat([
      bytes.subarray(0, dice.below(bytes.length + 1)),
      other.subarray(dice.below(other.length + 1)),
    ]);
  },
];

/** One to eight changes to one of the seeds. */
export function mutate(seeds: readonly Buffer[], dice: Dice, words: readonly string[]): Buffer {
  let bytes = dice.pick(seeds);
  const changes = 1 + dice.below(dice.below(4) === 0 ? 8 : 3);
  for (let i = 0; i < changes; i++)
    bytes = dice.pick(CHANGES)(bytes, dice, words, seeds).subarray(0, MOST_BYTES);
  return bytes;
}
