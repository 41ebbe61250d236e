/** `--step`: one transition at a time, forward and back. */

import { moment } from '../cli/units.ts';
import { describeFields } from './describe.ts';
import { changes, changeText } from './diff.ts';
import { effectText } from './line.ts';
import type { LogVerdict, MergedStep, MergedSteps } from './merged-steps.ts';
import { effectsOf } from './text.ts';

/** Steps kept to go back to; from further back the replay is begun again. */
const KEPT = 10_000;

/** A place in a replay that can be moved both ways. */
export class StepCursor {
  readonly #begin: () => MergedSteps;
  #steps: MergedSteps;
  /** The last of the steps that were told; the first of them has index `#base`. */
  #kept: MergedStep[] = [];
  #base = 0;
  #index = -1;
  /** How the replay ended, once that is known. */
  verdicts: readonly LogVerdict[] | undefined;

  /** @param begin replays from the first step */
  constructor(begin: () => MergedSteps) {
    this.#begin = begin;
    this.#steps = begin();
  }

  /** Index of the current step, from 0; -1 before the first move. */
  get index(): number {
    return this.#index;
  }

  get current(): MergedStep | undefined {
    return this.#kept[this.#index - this.#base];
  }

  /** Goes to that step, or to the last one where there are fewer. @returns false when there is no step at all */
  goTo(index: number): boolean {
    const wanted = Math.max(0, index);
    if (wanted < this.#base) this.#restart();
    while (this.#base + this.#kept.length <= wanted && this.#tell()) {
      // Each turn tells one more step.
    }
    this.#index = Math.min(wanted, this.#base + this.#kept.length - 1);
    return this.#kept.length > 0;
  }

  /** Goes on from the current step to the next for which it holds. @returns false, and stays, where there is none */
  find(wanted: (step: MergedStep) => boolean): boolean {
    const from = this.#index;
    for (let index = from + 1; this.goTo(index) && this.#index === index; index++) {
      if (wanted(this.current!)) return true;
    }
    this.goTo(from);
    return false;
  }

  #restart(): void {
    this.#steps.return([]);
    this.#steps = this.#begin();
    this.#kept = [];
    this.#base = 0;
  }

  #tell(): boolean {
    const { done, value } = this.#steps.next();
    if (done) {
      this.verdicts ??= value;
      return false;
    }
    this.#kept.push(value);
    if (this.#kept.length > KEPT) {
      this.#kept.shift();
      this.#base++;
    }
    return true;
  }
}

/** A step on several lines: what happened, what was asked for, what changed. */
export function stepView(step: MergedStep): string {
  const { record, definition, before, after, label } = step;
  const { seq, time, actor, event, from, to } = record;
  const { type, ...detail } = event;
  const machine =
    definition === undefined ? 'the journal itself' : `${definition.name}@${definition.version}`;
  const lines = [
    `#${seq}  ${moment(time)}  ${label === undefined ? '' : `${label}  `}${actor}  (${machine})`,
    `  state    ${from === '' ? '(new)' : from} → ${to}`,
    `  event    ${type}`,
    ...indented(
      Object.entries(detail).map(
        ([key, value]) => describeFields({ [key]: value }, 200) || `${key}=${JSON.stringify(value)}`,
      ),
    ),
    '  effects',
    ...orNone(effectsOf(step).map(effectText)),
    before === undefined ? '  context  (new)' : '  context, what changed',
    ...orNone(changes(before === undefined ? {} : before.context, after?.context).map(changeText)),
  ];
  return `${lines.join('\n')}\n`;
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `           ${line}`);
}

function orNone(lines: readonly string[]): string[] {
  return indented(lines.length === 0 ? ['(none)'] : lines);
}
