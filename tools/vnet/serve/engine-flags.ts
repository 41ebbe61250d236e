/** How V8 is set up for a server: one busy thread, little memory, frames that must not wait. */
import { setFlagsFromString } from 'node:v8';

/** First Node whose V8 has a quick compiler (Maglev) between the interpreter and the slow one; it lost this flag too. */
const WITH_MAGLEV = 22;
/**
 * V8's own measure, in bytes of bytecode run, is 132 KB: functions of the packet path are made fast after thousands
 * of frames, which a quiet Handler sees in a quarter of an hour. Six times alternating, the median of the first thousand
 * round trips of a new one was 334 µs and with this 300 µs, of the second 301 and 240; from then on there was no
 * difference.
 */
const INTERRUPT_BUDGET = 15_000;

/**
 * The space of what is new stays at its first megabyte: at 16 a start fills 8 of them for good, and a frame leaves
 * next to nothing behind.
 */
const HEAP = '--semi-space-growth-factor=1';

/** For the heap. To be called before anything else is loaded. */
export function setHeapFlags(): void {
  setFlagsFromString(HEAP);
}

/** Makes code that is used again and again fast sooner than V8 would. To be called before the packet path runs. */
export function setJitFlags(): void {
  if (Number.parseInt(process.versions.node, 10) >= WITH_MAGLEV) return;
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`);
}
