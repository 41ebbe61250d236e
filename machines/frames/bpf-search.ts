/**
 * Finds one of many MAC addresses in a frame, as a part of a BPF program.
 *
 * An address is taken as two numbers of 24 bits: the vendor's part (OUI) and the rest (NIC), so that no constant reaches
 * 2^31. OUIs that many addresses share are told apart first, and each has a tree of its NICs: 1.25 instructions an
 * address, less where addresses follow each other. All other addresses are one tree of NICs, and the OUI is compared
 * with the one that belongs to the NIC that was found: three and a quarter instructions an address.
 */
import { AND, JEQ, JEQX, type Label, LDW, type Program, RSH, TAX, TXA } from './bpf-program.ts';
import { emitTree, type Range } from './bpf-tree.ts';

/** Addresses that make an OUI worth a tree of its own. */
const MANY = 8;
const NICS = 0x100_0000;

export const ouiOf = (mac: number): number => Math.floor(mac / NICS);
export const nicOf = (mac: number): number => mac % NICS;

/** An address of the OUI, or of the NIC, that it is listed under, and its target. */
type Entry = readonly [mac: number, hit: Label];

/** Goes to the label of the address that stands at `at` in the frame, to `miss` when it is none of these. */
export function emitSearch(
  program: Program,
  at: number,
  macs: ReadonlyMap<number, Label>,
  miss: Label,
): void {
  const ouis = listed(macs, ouiOf);
  const shared = [...ouis].filter(([, entries]) => entries.length >= MANY || ouis.size === 1);
  const rest = [...ouis.values()].filter((entries) => entries.length < MANY && ouis.size > 1).flat();
  const trees = shared.map(([oui, entries]) => ({ oui, entries, label: program.label() }));
  emitOui(program, at);
  for (const { oui, label } of trees) program.when(JEQ, oui, label);
  if (rest.length === 0) program.jump(miss);
  else emitRest(program, at, rest, miss);
  for (const { entries, label } of trees) {
    program.place(label);
    emitNic(program, at);
    emitTree(program, joined(entries), miss);
  }
}

export function emitOui(program: Program, at: number): void {
  program.emit(LDW, at);
  program.emit(RSH, 8);
}

export function emitNic(program: Program, at: number): void {
  program.emit(LDW, at + 2);
  program.emit(AND, NICS - 1);
}

function listed(entries: Iterable<Entry>, by: (mac: number) => number): Map<number, Entry[]> {
  const lists = new Map<number, Entry[]>();
  for (const entry of entries) {
    const list = lists.get(by(entry[0]));
    if (list === undefined) lists.set(by(entry[0]), [entry]);
    else list.push(entry);
  }
  return lists;
}

/** Addresses of one OUI as ranges of NICs: those in a row with the same target are one. */
function joined(entries: Entry[]): Range[] {
  const ranges: { low: number; high: number; hit: Label }[] = [];
  for (const [mac, hit] of entries.sort(([a], [b]) => a - b)) {
    const nic = nicOf(mac);
    const last = ranges.at(-1);
    if (last !== undefined && last.hit === hit && nic === last.high + 1) last.high = nic;
    else ranges.push({ low: nic, high: nic, hit });
  }
  return ranges;
}

/** Addresses of many OUIs. The frame's OUI is in A. */
function emitRest(program: Program, at: number, entries: readonly Entry[], miss: Label): void {
  /** For each target: goes there when A is the frame's OUI. */
  const equal = new Map<Label, Label>();
  /** NICs that several OUIs have. */
  const several: { label: Label; owners: readonly Entry[] }[] = [];
  const ranges = [...listed(entries, nicOf)].map(([nic, owners]): Range => {
    const [[mac, target]] = owners as [Entry];
    const hit = (owners.length === 1 ? equal.get(target) : undefined) ?? program.label();
    if (owners.length > 1) {
      several.push({ label: hit, owners });
      return { low: nic, high: nic, hit };
    }
    equal.set(target, hit);
    return { low: nic, high: nic, hit, load: ouiOf(mac) };
  });
  program.emit(TAX);
  emitNic(program, at);
  const ascending = ranges.sort((a, b) => a.low - b.low);
  emitTree(program, ascending, miss);
  for (const [target, label] of equal) {
    program.place(label);
    program.when(JEQX, 0, target);
    program.jump(miss);
  }
  for (const { label, owners } of several) {
    program.place(label);
    program.emit(TXA);
    for (const [mac, target] of owners) program.when(JEQ, ouiOf(mac), target);
    program.jump(miss);
  }
}
