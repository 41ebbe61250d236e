/** `--format text` and `--format json`: a line for each step. */

import type { EffectView } from '../../machines/log/registry.ts';
import type { Step } from '../../machines/log/replay.ts';
import { transitionLine } from './line.ts';

/** What a step asked for. Empty where the machine did not take the event. */
export function effectsOf({ record, definition, before, after }: Step): readonly EffectView[] {
  if (definition === undefined || before === after) return [];
  return definition.effects(before, before === undefined ? record.event['input'] : record.event);
}

/** A step as text, with LF. */
export function stepText(step: Step): string {
  return `${transitionLine(step.record, { effects: effectsOf(step) })}\n`;
}

/** A step as one line of JSON, with LF. `context` is that after the step. */
export function stepJson(step: Step): string {
  const { seq, time, actor, machine, version, event, from, to, state } = step.record;
  const line = { seq, time, actor, machine, version, event, from, to, state, effects: effectsOf(step) };
  return `${JSON.stringify(step.after === undefined ? line : { ...line, context: step.after.context })}\n`;
}
