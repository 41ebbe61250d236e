import { setTimeout as sleep } from 'node:timers/promises';
import { listSegments } from '../../../io/journal/reader.ts';
import { parseRecord } from '../../../machines/log/parse.ts';
import type { CommandIo } from '../cli/command-io.ts';
import { interrupted } from '../cli/interrupt.ts';
import { Printer } from '../cli/printer.ts';
import { transitionLine } from '../replay/line.ts';
import { openLog } from '../replay/source.ts';
import { Follower } from './follower.ts';
import { firstNeeded, type Selection, selects } from './selection.ts';

/** Milliseconds between two looks at a log that is followed. */
const EVERY = 200;

export interface ShowOptions extends Selection {
  readonly follow: boolean;
  readonly json: boolean;
}

/**
 * Prints the records of a log that are selected. Lines that are no records are told on standard error.
 * @returns 0, or 2 when there were such lines
 */
export async function show(dir: string, options: ShowOptions, around: CommandIo): Promise<number> {
  openLog(dir);
  const viewer = new Viewer(dir, options, around);
  await viewer.catchUp();
  if (!options.follow) return viewer.status;
  const stop = interrupted();
  while (await goesOn(stop.signal)) await viewer.catchUp();
  stop.forget();
  return viewer.status;
}

/** Waits a little. @returns false after ^C */
async function goesOn(stop: AbortSignal): Promise<boolean> {
  await sleep(EVERY, undefined, { signal: stop }).catch(() => {});
  return !stop.aborted;
}

class Viewer {
  readonly #options: ShowOptions;
  readonly #around: CommandIo;
  readonly #follower: Follower;
  readonly #printer: Printer;
  #last = 0;
  status = 0;

  constructor(dir: string, options: ShowOptions, around: CommandIo) {
    this.#options = options;
    this.#around = around;
    this.#follower = new Follower(dir, firstNeeded(listSegments(dir), options.since));
    this.#printer = new Printer(around);
  }

  /** Prints what is there and was not looked at yet. */
  async catchUp(): Promise<void> {
    for (const line of this.#follower.lines()) {
      this.#look(line);
      if (this.#printer.full) await this.#printer.flush();
    }
    await this.#printer.flush();
  }

  #look(line: string): void {
    const record = parseRecord(line);
    if (typeof record === 'string') {
      this.status = 2;
      this.#around.err(`record ${this.#last + 1}: ${record}\n`);
      this.#last++;
      return;
    }
    this.#last = record.seq;
    if (!selects(this.#options, record)) return;
    this.#printer.print(`${this.#options.json ? line : transitionLine(record)}\n`);
  }
}
