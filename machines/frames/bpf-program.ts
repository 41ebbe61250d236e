/**
 * A classic BPF program in the making (linux/filter.h): the instructions that the filter of a segment uses, and labels.
 *
 * The kernel turns each into one of its own, with two exceptions that the code here keeps to a few places: a load from
 * the frame becomes up to eight, a comparison with a constant from 2^31 on two. It counts them all against
 * net.core.optmem_max.
 */

/** struct sock_filter. */
export interface BpfInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** BPF_MAXINSNS of linux/bpf_common.h. */
export const MOST_INSTRUCTIONS = 4096;

/** Absolute loads of a byte, two and four bytes into A. */
export const LDB = 0x30;
export const LDH = 0x28;
export const LDW = 0x20;
/** A = k. */
export const LDI = 0x00;
/** X = A. */
export const TAX = 0x07;
/** A = X. */
export const TXA = 0x87;
export const AND = 0x54;
/** A >>= k. */
export const RSH = 0x74;
export const JEQ = 0x15;
/** Whether A = X. */
export const JEQX = 0x1d;
export const JGT = 0x25;
export const JGE = 0x35;
/** Whether A & k. */
export const JSET = 0x45;
export const RET = 0x06;
const JA = 0x05;

/** A place to jump to, forwards. */
export type Label = number;

/**
 * Instructions with labels. Conditional jumps reach 255 instructions only: `when` and `unless` go over a JA, which
 * reaches everything.
 */
export class Program {
  readonly #instructions: BpfInstruction[] = [];
  /** Where each label stands, once placed. */
  readonly #places: number[] = [];
  /** Label of each JA, by its index. */
  readonly #jumps = new Map<number, Label>();

  get length(): number {
    return this.#instructions.length;
  }

  label(): Label {
    return this.#places.push(-1) - 1;
  }

  /** The label means the instruction that is emitted next. */
  place(label: Label): void {
    this.#places[label] = this.length;
  }

  /** Emits what jumps over `jt` or `jf` instructions, or does not jump. */
  emit(code: number, k = 0, jt = 0, jf = 0): void {
    this.#instructions.push({ code, jt, jf, k });
  }

  jump(label: Label): void {
    this.#jumps.set(this.length, label);
    this.emit(JA);
  }

  /** Jumps when the condition holds. */
  when(code: number, k: number, label: Label): void {
    this.emit(code, k, 0, 1);
    this.jump(label);
  }

  /** Jumps when the condition does not hold. */
  unless(code: number, k: number, label: Label): void {
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
