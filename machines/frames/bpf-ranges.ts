/**
 * Finds a superset of many MAC addresses in a frame, as a part of a BPF program that has no room for all of them:
 * neighbours become one range, the nearest first.
 */
import { JEQ, type Label, type Program } from './bpf-program.ts';
import { emitNic, emitOui, nicOf, ouiOf } from './bpf-search.ts';
import { emitTree, type Range } from './bpf-tree.ts';

/** Ranges that make an OUI worth a tree of its own. */
const MANY = 8;

/** Addresses, ascending, none twice; those of one OUI lie together. */
export class Addresses {
  readonly #macs: Float64Array;
  /** First address of each OUI. */
  readonly #firsts: number[] = [];

  constructor(macs: readonly number[]) {
    this.#macs = distinct(macs);
    this.#macs.forEach((mac, index, all) => {
      if (index === 0 || ouiOf(mac) !== ouiOf(all[index - 1]!)) this.#firsts.push(index);
    });
  }

  /** Goes to `hit` when the address at `at` is in one of `most` ranges that hold all of these, else to `miss`. */
  emit(program: Program, at: number, hit: Label, miss: Label, most: number): void {
    if (this.#firsts.length * MANY > most) {
      emitNic(program, at);
      emitTree(program, inRanges(distinct(this.#macs.map(nicOf)), hit, most), miss);
      return;
    }
    const ouis = this.#firsts.map((first, index) => ({
      macs: this.#macs.subarray(first, this.#firsts[index + 1]),
      label: program.label(),
    }));
    emitOui(program, at);
    for (const { macs, label } of ouis) program.when(JEQ, ouiOf(macs[0]!), label);
    program.jump(miss);
    for (const { macs, label } of ouis) {
      const share = Math.max(1, Math.floor((most * macs.length) / this.#macs.length));
      program.place(label);
      emitNic(program, at);
      emitTree(program, inRanges(macs.map(nicOf), hit, share), miss);
    }
  }
}

function distinct(numbers: ArrayLike<number>): Float64Array {
  return Float64Array.from(numbers)
    .sort()
    .filter((each, index, all) => index === 0 || each !== all[index - 1]);
}

/** At most so many ranges that hold all of these (ascending), and what lies in the narrowest gaps between them. */
function inRanges(nics: Float64Array, hit: Label, most: number): Range[] {
  const { wide, alike } = gapsToKeep(nics, most);
  let left = alike;
  const ranges: { low: number; high: number; hit: Label }[] = [];
  for (const nic of nics) {
    const last = ranges.at(-1);
    const gap = last === undefined ? wide : nic - last.high;
    const kept = last === undefined || gap > wide || (gap === wide && left-- > 0);
    if (kept) ranges.push({ low: nic, high: nic, hit });
    else last.high = nic;
  }
  return ranges;
}

/** Those that part the ranges: all above `wide`, and `alike` of those that are `wide`. At least 2: 1 is no gap. */
function gapsToKeep(nics: Float64Array, most: number): { wide: number; alike: number } {
  if (most >= nics.length) return { wide: 1, alike: 0 };
  const rising = nics
    .subarray(1)
    .map((nic, index) => nic - nics[index]!)
    .sort();
  const first = rising.length - (most - 1);
  if (most === 1) return { wide: Number.POSITIVE_INFINITY, alike: 0 };
  const wide = rising[first]!;
  if (wide === 1) return { wide: 1, alike: 0 };
  let alike = 0;
  while (first + alike < rising.length && rising[first + alike] === wide) alike++;
  return { wide, alike };
}
