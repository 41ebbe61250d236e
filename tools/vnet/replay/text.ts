/** What a step asked for, and `--format json`. */
import type { EffectView } from '../../../machines/log/registry.ts';
import type { MergedStep } from './merged-steps.ts';

/** What a step asked for. Empty where the machine did not take the event. */
export function effectsOf({ record, definition, before, after }: MergedStep): readonly EffectView[] {
  if (definition === undefined || before === after) return [];
  return definition.effects(before, before === undefined ? record.event.input : record.event);
}

/** A step as one line of JSON, with LF. `context` is that after the step; `log` says which of two it is of. */
export function stepJson(step: MergedStep): string {
  const { seq, time, actor, machine, version, event, from, to, state } = step.record;
  const log = step.label === undefined ? {} : { log: step.label };
  const line = {
    ...log,
    seq,
    time,
    actor,
    machine,
    version,
    event,
    from,
    to,
    state,
    effects: effectsOf(step),
  };
  return `${JSON.stringify(step.after === undefined ? line : { ...line, context: step.after.context })}\n`;
}
