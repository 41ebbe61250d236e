/** Classic BPF as the kernel takes and runs it (linux/net/core/filter.c), for the instructions that we use. */
import * as assert from 'uvu/assert';
import type { BpfInstruction } from '../../../machines/frames/bpf.ts';

const LOADS = new Set([0x20, 0x28, 0x30]);
const CONDITIONS = new Set([0x15, 0x1d, 0x25, 0x35, 0x45]);
const OTHERS = new Set([0x00, 0x05, 0x06, 0x07, 0x54, 0x74, 0x87]);

/** What bpf_check_classic() wants of a program. */
export function acceptable(program: readonly BpfInstruction[]): void {
  assert.ok(program.length >= 1 && program.length <= 4096);
  assert.is(program.at(-1)?.code, 0x06, 'it ends with RET');
  program.forEach(({ code, jt, jf, k }, at) => {
    assert.ok(LOADS.has(code) || CONDITIONS.has(code) || OTHERS.has(code), `code ${code}`);
    assert.ok(Number.isInteger(k) && k >= 0 && k < 2 ** 32, `k ${k}`);
    const longest = code === 0x05 ? k : Math.max(jt, jf);
    assert.ok(jt >= 0 && jf >= 0 && jt < 256 && jf < 256, `a jump of ${jt} or ${jf}`);
    assert.ok(at + longest < program.length - (code === 0x06 ? 0 : 1), `a jump out of the program at ${at}`);
  });
}

/** What the program returns for the frame: bytes to keep. */
export function interpret(program: readonly BpfInstruction[], bytes: Buffer): number {
  let [a, x] = [0, 0];
  for (let at = 0; at < program.length; at++) {
    const { code, jt, jf, k } = program[at]!;
    if (code === 0x06) return k;
    if (code === 0x20) a = bytes.readUInt32BE(k);
    else if (code === 0x28) a = bytes.readUInt16BE(k);
    else if (code === 0x30) a = bytes.readUInt8(k);
    else if (code === 0x00) a = k;
    else if (code === 0x07) x = a;
    else if (code === 0x87) a = x;
    else if (code === 0x54) a = (a & k) >>> 0;
    else if (code === 0x74) a >>>= k;
    else if (code === 0x05) at += k;
    else if (code === 0x15) at += a === k ? jt : jf;
    else if (code === 0x1d) at += a === x ? jt : jf;
    else if (code === 0x25) at += a > k ? jt : jf;
    else if (code === 0x35) at += a >= k ? jt : jf;
    else if (code === 0x45) at += (a & k) !== 0 ? jt : jf;
    else assert.unreachable(`code ${code}`);
  }
  return assert.unreachable('the program has no end') as never;
}

/** Instructions that the kernel makes of it, about: with the expansions that bpf-program.ts tells of. */
export function inKernel(program: readonly BpfInstruction[]): number {
  return program.reduce((sum, { code, jt, jf, k }) => {
    if (LOADS.has(code)) return sum + 8;
    if (!CONDITIONS.has(code)) return sum + 1;
    return sum + 1 + (k >= 2 ** 31 ? 1 : 0) + (jt !== 0 && jf !== 0 ? 1 : 0);
  }, 0);
}
