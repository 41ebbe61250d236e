/** Reads a line of the log. Total: any text gives a record or a sentence on what is wrong with it. */
import type { LogRecord } from './record.ts';

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string';
const matches =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value);
const wholeFrom1: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 1;

/** Every field, in the order of a line, with what it has to be. */
const FIELDS: readonly (readonly [keyof LogRecord, Check, string])[] = [
  ['seq', wholeFrom1, 'a whole number from 1'],
  [
    'time',
    matches(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/),
    'a time in UTC such as 2026-01-31T12:00:00.000000Z',
  ],
  ['mono', (value) => typeof value === 'number' && value >= 0, 'a number of nanoseconds, not negative'],
  ['boot', text, 'a string'],
  [
    'actor',
    matches(/^(server|(session|handler|device):.+)$/),
    'server, session:<id>, handler:<id> or device:<name>',
  ],
  ['machine', matches(/./), 'a machine name'],
  ['version', wholeFrom1, 'a whole number from 1'],
  ['event', isEvent, 'an object with a string `type`'],
  ['from', text, 'a string'],
  ['to', text, 'a string'],
  ['state', matches(/^[0-9a-f]{16}$/), '16 lower-case hex digits'],
  ['prev', matches(/^([0-9a-f]{64})?$/), '64 lower-case hex digits, or empty'],
  ['hash', matches(/^[0-9a-f]{64}$/), '64 lower-case hex digits'],
];

function isEvent(value: unknown): boolean {
  return isObject(value) && typeof value.type === 'string';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns the record, or what is wrong with the line as the end of a sentence that begins with the record's number */
export function parseRecord(line: string): LogRecord | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return `it is not JSON (${(error as Error).message})`;
  }
  if (!isObject(value)) return 'it is not a JSON object';
  for (const [field, check, wanted] of FIELDS) {
    if (!Object.hasOwn(value, field)) return `it has no field \`${field}\``;
    if (!check(value[field])) return `its field \`${field}\` is not ${wanted}`;
  }
  if (Object.keys(value).length > FIELDS.length) return `it has an unknown field \`${unknownField(value)}\``;
  return value as unknown as LogRecord;
}

function unknownField(value: object): string {
  const known = new Set<string>(FIELDS.map(([field]) => field));
  return Object.keys(value).find((key) => !known.has(key)) ?? '';
}
