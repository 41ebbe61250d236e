/** A transition as one line of text; `vnet replay`, `vnet log show` and `vnet watch` print the same. */

import { CREATED, type LogEvent } from '../../../machines/log/record.ts';
import type { EffectView } from '../../../machines/log/registry.ts';
import { moment } from '../cli/units.ts';
import { describeFields } from './describe.ts';

/** What of a record is shown. */
export interface Shown {
  readonly seq: number;
  readonly time: string;
  readonly actor: string;
  readonly event: LogEvent;
  readonly from: string;
  readonly to: string;
}

export interface LineOptions {
  /** Most characters of the detail behind the event; 100 by default. */
  readonly detail?: number;
  /** What the transition asked for; absent where that is not known. */
  readonly effects?: readonly EffectView[];
}

/** `2026-01-31 12:00:00.000000  #17  session:3f  authenticated → handling  HANDLE …  ⇒ open, cancel idle`, without LF. */
export function transitionLine(shown: Shown, options: LineOptions = {}): string {
  const { seq, time, actor, event, from, to } = shown;
  const detail = describeFields(event.type === CREATED ? input(event) : event, options.detail ?? 100);
  const parts = [
    moment(time),
    `#${seq}`.padEnd(7),
    actor.padEnd(40),
    states(from, to).padEnd(32),
    detail === '' ? eventName(event) : `${eventName(event)} ${detail}`,
  ];
  const effects = options.effects ?? [];
  if (effects.length > 0) parts.push(`⇒ ${effects.map(effectText).join(', ')}`);
  return parts.join('  ').trimEnd();
}

function states(from: string, to: string): string {
  if (from === to) return to === '' ? '-' : to;
  return from === '' ? `→ ${to}` : `${from} → ${to}`;
}

function eventName({ type }: LogEvent): string {
  return type === CREATED ? 'created' : type;
}

/** What an actor was made with, without what its name says already. */
function input({ input: given }: LogEvent): Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null) return {};
  const { id: _, ...rest } = given as Record<string, unknown>;
  return rest;
}

/** An effect with what counts of its parameters. */
export function effectText({ type, params }: EffectView): string {
  if (type === 'answer') return `answer "${(params as { line: string }).line}"`;
  if (typeof params !== 'object' || params === null) return type;
  const fields = params as Readonly<Record<string, unknown>>;
  if ((type === 'arm' || type === 'cancel') && typeof fields.timer === 'string') {
    return type === 'arm' ? `arm ${fields.timer} ${String(fields.ms)} ms` : `cancel ${fields.timer}`;
  }
  const detail = describeFields(fields, 60);
  return detail === '' ? type : `${type} ${detail}`;
}
