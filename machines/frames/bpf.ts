/**
 * What the Handlers on one segment take from it, as a classic BPF program for the kernel (linux/filter.h), so that
 * other traffic is dropped before it is copied. It looks at the two addresses only; VLAN tags that the kernel has
 * taken out make no difference.
 *
 * For each Handler a block: not wanted → the next block, wanted → accept. Sets of addresses are split by their first
 * two bytes, and the other four are searched for by halving, down to leaves that are compared one by one.
 */
import type { RoleConfig } from '../protocol/types.ts';

/** struct sock_filter. */
export interface BpfInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** BPF_MAXINSNS of linux/bpf_common.h. */
export const MOST_INSTRUCTIONS = 4096;

/** Role and addresses (48-bit numbers; none for BRIDGE) of one Handler, as seen from this segment. */
export interface FilterRole {
  readonly config: RoleConfig;
  readonly macs: readonly number[];
  readonly l2cp: boolean;
}

/** Absolute loads of a byte, two and four bytes into A. */
const LDB = 0x30;
const LDH = 0x28;
const LDW = 0x20;
const AND = 0x54;
const JA = 0x05;
const JEQ = 0x15;
const JGE = 0x35;
const JSET = 0x45;
const RET = 0x06;

const DESTINATION = 0;
const SOURCE = 6;
const LEAF = 16;
/** Bytes of an accepted frame that are kept: all. */
const WHOLE = 0x40000;

/**
 * The program that passes a frame exactly when one of the Handlers' outbound predicates does.
 * @returns null when every frame passes, or the program would be too long: no filter then
 */
export function compileFilter(handlers: readonly FilterRole[]): BpfInstruction[] | null {
  if (handlers.some(({ config, l2cp }) => config.role === 'BRIDGE' && l2cp)) return null;
  const program = new Program();
  const accept = program.label();
  for (const handler of joinHosts(handlers)) {
    const next = program.label();
    emitHandler(program, handler, accept, next);
    program.place(next);
    if (program.length > MOST_INSTRUCTIONS) return null;
  }
  program.emit(RET, 0);
  program.place(accept);
  program.emit(RET, WHOLE);
  return program.length > MOST_INSTRUCTIONS ? null : program.assemble();
}

/** HOST Handlers differ in their addresses only: they become one. */
function joinHosts(handlers: readonly FilterRole[]): FilterRole[] {
  const others = handlers.filter(({ config }) => config.role !== 'HOST');
  for (const l2cp of [true, false]) {
    const hosts = handlers.filter((handler) => handler.config.role === 'HOST' && handler.l2cp === l2cp);
    const [first] = hosts;
    if (first !== undefined) others.push({ ...first, macs: hosts.flatMap(({ macs }) => macs) });
  }
  return others;
}

function emitHandler(
  program: Program,
  { config, macs, l2cp }: FilterRole,
  accept: number,
  next: number,
): void {
  if (!l2cp) emitNotLinkLocal(program, next);
  switch (config.role) {
    case 'BRIDGE':
      program.jump(accept);
      break;
    case 'HOST':
      emitMember(program, SOURCE, macs, accept, next);
      break;
    case 'PROXY':
      emitProxy(program, macs, config.multicast, accept, next);
      break;
  }
}

function emitProxy(
  program: Program,
  macs: readonly number[],
  multicast: boolean,
  accept: number,
  next: number,
): void {
  const group = program.label();
  const source = program.label();
  program.emit(LDB, DESTINATION);
  program.when(JSET, 1, group);
  emitMember(program, DESTINATION, macs, source, next);
  program.place(group);
  if (!multicast) {
    program.emit(LDH, DESTINATION);
    program.unless(JEQ, 0xffff, next);
    program.emit(LDW, DESTINATION + 2);
    program.unless(JEQ, 0xffffffff, next);
  }
  program.place(source);
  emitMember(program, SOURCE, macs, next, accept);
}

/** Jumps to `next` for 01:80:c2:00:00:00 to 0f. */
function emitNotLinkLocal(program: Program, next: number): void {
  const other = program.label();
  program.emit(LDH, DESTINATION);
  program.unless(JEQ, 0x0180, other);
  program.emit(LDW, DESTINATION + 2);
  program.emit(AND, 0xfffffff0);
  program.when(JEQ, 0xc2000000, next);
  program.place(other);
}

/** Jumps to `hit` when the address at `at` is one of these, else to `miss`. */
function emitMember(program: Program, at: number, macs: readonly number[], hit: number, miss: number): void {
  const groups = new Map<number, Set<number>>();
  for (const mac of macs) {
    const high = Math.floor(mac / 0x1_0000_0000);
    const lows = groups.get(high) ?? new Set();
    groups.set(high, lows.add(mac % 0x1_0000_0000));
  }
  const labelled = [...groups].map(([high, lows]) => ({ high, lows, label: program.label() }));
  program.emit(LDH, at);
  for (const { high, label } of labelled) program.when(JEQ, high, label);
  program.jump(miss);
  for (const { lows, label } of labelled) {
    program.place(label);
    program.emit(LDW, at + 2);
    emitSearch(
      program,
      [...lows].sort((a, b) => a - b),
      hit,
      miss,
    );
  }
}

function emitSearch(program: Program, sorted: readonly number[], hit: number, miss: number): void {
  if (sorted.length <= LEAF) {
    sorted.forEach((low, index) => {
      program.emit(JEQ, low, sorted.length - index);
    });
    program.jump(miss);
    program.jump(hit);
    return;
  }
  const middle = sorted.length >> 1;
  const right = program.label();
  program.when(JGE, sorted[middle]!, right);
  emitSearch(program, sorted.slice(0, middle), hit, miss);
  program.place(right);
  emitSearch(program, sorted.slice(middle), hit, miss);
}

/**
 * Instructions with labels. Conditional jumps reach 255 instructions only and go over one JA at most here; JA reaches
 * everything.
 */
class Program {
  readonly #instructions: BpfInstruction[] = [];
  /** Where each label stands, once placed. */
  readonly #places: number[] = [];
  /** Label of each JA, by its index. */
  readonly #jumps = new Map<number, number>();

  get length(): number {
    return this.#instructions.length;
  }

  label(): number {
    return this.#places.push(-1) - 1;
  }

  /** The label means the instruction that is emitted next. */
  place(label: number): void {
    this.#places[label] = this.length;
  }

  emit(code: number, k: number, jt = 0, jf = 0): void {
    this.#instructions.push({ code, jt, jf, k });
  }

  jump(label: number): void {
    this.#jumps.set(this.length, label);
    this.emit(JA, 0);
  }

  /** Jumps when the condition holds. */
  when(code: number, k: number, label: number): void {
    this.emit(code, k, 0, 1);
    this.jump(label);
  }

  /** Jumps when the condition does not hold. */
  unless(code: number, k: number, label: number): void {
    this.emit(code, k, 1, 0);
    this.jump(label);
  }

  assemble(): BpfInstruction[] {
    return this.#instructions.map((instruction, index) => {
      const label = this.#jumps.get(index);
      return label === undefined ? instruction : { ...instruction, k: this.#places[label]! - index - 1 };
    });
  }
}
