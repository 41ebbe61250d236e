/** Finds one of many ranges of numbers, as a part of a BPF program: halved down to leaves that are compared in a row. */
import { JEQ, JGE, JGT, type Label, LDI, type Program } from './bpf-program.ts';

/** Numbers `low` to `high`, and where to go from there. */
export interface Range {
  readonly low: number;
  readonly high: number;
  readonly hit: Label;
  /** To be put into A on the way. */
  readonly load?: number;
}

/** Comparisons in a row where the tree ends. */
const LEAF = 16;

/** The number is in A; the ranges ascend and do not overlap. */
export function emitTree(program: Program, ranges: readonly Range[], miss: Label): void {
  if (ranges.length <= LEAF) {
    emitLeaf(program, ranges, miss);
    return;
  }
  const middle = ranges.length >> 1;
  const right = program.label();
  program.when(JGE, ranges[middle]!.low, right);
  emitTree(program, ranges.slice(0, middle), miss);
  program.place(right);
  emitTree(program, ranges.slice(middle), miss);
}

/** Comparisons, then the way to `miss`, then one to each target: all of it within the reach of a condition. */
function emitLeaf(program: Program, ranges: readonly Range[], miss: Label): void {
  const ways = new Map<string, Range & { place: number }>();
  let comparisons = 0;
  let behind = 1;
  for (const range of ranges) {
    comparisons += range.low === range.high ? 1 : 2;
    if (ways.has(wayOf(range))) continue;
    ways.set(wayOf(range), { ...range, place: behind });
    behind += range.load === undefined ? 1 : 2;
  }
  const end = program.length + comparisons;
  for (const range of ranges) {
    // Above it: over the next comparison.
    if (range.low !== range.high) program.emit(JGT, range.high, 1);
    const { place } = ways.get(wayOf(range))!;
    program.emit(range.low === range.high ? JEQ : JGE, range.low, end + place - program.length - 1);
  }
  program.jump(miss);
  for (const { load, hit } of ways.values()) {
    if (load !== undefined) program.emit(LDI, load);
    program.jump(hit);
  }
}

const wayOf = ({ hit, load }: Range): string => `${hit} ${load}`;
