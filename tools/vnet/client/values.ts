/** Values of data lines as JSON has them: numbers as numbers, yes and no as booleans, lists as arrays. */
import type { DataAnswer } from './conversation.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Values that are text whatever they look like: a Handler id may have digits only. */
const TEXTS = new Set([
  'id',
  'name',
  'handler',
  'server',
  'version',
  'boot',
  'peer',
  'local_device',
  'remote_device',
  'since',
  'mac',
]);
const LISTS: Readonly<Record<string, string>> = { macs: ',', backends: ',', listen: ' ' };

/** A value of that key. `-`, which stands for what is not known or not there, becomes null; of a list, an empty one. */
export function typed(key: string, value: string): Json {
  const separator = LISTS[key];
  if (separator !== undefined) return value === '' || value === '-' ? [] : value.split(separator);
  if (TEXTS.has(key)) return value;
  if (value === '-') return null;
  if (value === 'yes' || value === 'no') return value === 'yes';
  return isNumber(value) ? Number(value) : value;
}

/** Counters past 2^53 lose their last digits as JSON numbers do; they stay texts. */
function isNumber(value: string): boolean {
  return /^-?(?:0|[1-9]\d*)$/.test(value) && Number.isSafeInteger(Number(value));
}

/** `DEVICE <name> key=value…` and `HANDLER <id> …`: the first word under `first`, then the fields. */
export function record(first: string, { words, fields }: DataAnswer): { readonly [key: string]: Json } {
  const entries = Object.entries(fields).map(([key, value]) => [key, typed(key, value)] as const);
  return { [first]: words[0] ?? '', ...Object.fromEntries(entries) };
}

/** Lines `STAT <name> <value>` and `STATUS <key> <value>`. Values of several words are joined again. */
export function dictionary(data: readonly DataAnswer[]): { readonly [key: string]: Json } {
  return Object.fromEntries(data.map(({ words: [key = '', ...rest] }) => [key, typed(key, rest.join(' '))]));
}

export function toJson(value: Json): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
