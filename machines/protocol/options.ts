/** `key=value` options of HANDLE and BEGIN (PROTOCOL.md section 3). */
import { bad, good, type Result } from './errors.ts';
import { MTU_RANGE, parseMtu, parsePositive, parseRate } from './numbers.ts';
import type { HandlerOptions } from './types.ts';

export const DEFAULT_OPTIONS: HandlerOptions = { offload: true, announce: true, l2cp: false };

/** Options of a BEGIN line, where `offload` and `mtu` must stand. */
export interface BeginOptions {
  readonly options: HandlerOptions;
  /** MTU of the initiator's device in bytes, 68 to 65,535. */
  readonly mtu: number;
}

/** Connections that one Handler may have (section 6.1). */
export const MOST_WIRES = 8;

/** A number of wires, 1 to 8; undefined where it is not one. */
export function parseWires(text: string): number | undefined {
  return /^[1-8]$/.test(text) ? Number(text) : undefined;
}

interface Reader<T> {
  read(text: string): T | undefined;
  readonly rule: string;
}

const onOff: Reader<boolean> = {
  read: (text) => (text === 'on' ? true : text === 'off' ? false : undefined),
  rule: 'on or off',
};

const READERS = {
  offload: onOff,
  announce: onOff,
  l2cp: onOff,
  rate: {
    read: parseRate,
    rule: 'bits a second, a positive whole number with k, M or G behind it where wanted',
  },
  'bcast-rate': {
    read: (text: string) => parsePositive(text),
    rule: 'frames a second, a positive whole number',
  },
  wires: { read: parseWires, rule: `a number of wires, 1 to ${MOST_WIRES}` },
  mtu: { read: parseMtu, rule: `a number of bytes, ${MTU_RANGE}` },
} as const satisfies Record<string, Reader<boolean> | Reader<number>>;

type Key = keyof typeof READERS;
type Values = { [K in Key]?: NonNullable<ReturnType<(typeof READERS)[K]['read']>> };

const HANDLE_KEYS: readonly Key[] = ['offload', 'announce', 'l2cp', 'rate', 'bcast-rate', 'wires'];
const BEGIN_KEYS: readonly Key[] = [...HANDLE_KEYS, 'mtu'];

/** Whether a word is meant as an option and not as a positional argument. */
export function looksLikeOption(word: string): boolean {
  return word.includes('=');
}

/** Options behind the MAC addresses of HANDLE, else `bad-option`. */
export function parseHandleOptions(words: readonly string[]): Result<HandlerOptions> {
  const values = readAll(words, HANDLE_KEYS);
  return values.ok ? good(toOptions(values.value)) : values;
}

/** Options behind the MAC addresses of BEGIN, else `bad-option`. */
export function parseBeginOptions(words: readonly string[]): Result<BeginOptions> {
  const values = readAll(words, BEGIN_KEYS);
  if (!values.ok) return values;
  const { mtu, offload } = values.value;
  if (offload === undefined || mtu === undefined)
    return bad('bad-option', 'BEGIN needs offload=on|off and mtu=<n>');
  return good({ options: toOptions(values.value), mtu });
}

function readAll(words: readonly string[], keys: readonly Key[]): Result<Values> {
  const found = new Map<Key, boolean | number>();
  for (const [index, word] of words.entries()) {
    const equals = word.indexOf('=');
    const key = keys.find((known) => known === word.slice(0, Math.max(0, equals)));
    if (!key) return bad('bad-option', `option ${index + 1} is not known; good are ${keys.join('= ')}=`);
    if (found.has(key)) return bad('bad-option', `${key}= stands twice`);
    const value = READERS[key].read(word.slice(equals + 1));
    if (value === undefined) return bad('bad-option', `${key}= takes ${READERS[key].rule}`);
    found.set(key, value);
  }
  return good(Object.fromEntries(found) as Values);
}

function toOptions(values: Values): HandlerOptions {
  const bcastRate = values['bcast-rate'];
  return {
    offload: values.offload ?? DEFAULT_OPTIONS.offload,
    announce: values.announce ?? DEFAULT_OPTIONS.announce,
    l2cp: values.l2cp ?? DEFAULT_OPTIONS.l2cp,
    ...(values.rate === undefined ? {} : { rate: values.rate }),
    ...(bcastRate === undefined ? {} : { bcastRate }),
    ...(values.wires === undefined ? {} : { wires: values.wires }),
  };
}

/** `on` or `off`. */
export function formatSwitch(on: boolean): 'on' | 'off' {
  return on ? 'on' : 'off';
}

/** Options as words, those left out that have their default. */
export function formatOptions(options: HandlerOptions): readonly string[] {
  const words: string[] = [];
  for (const key of ['offload', 'announce', 'l2cp'] as const) {
    if (options[key] !== DEFAULT_OPTIONS[key]) words.push(`${key}=${formatSwitch(options[key])}`);
  }
  if (options.rate !== undefined) words.push(`rate=${options.rate}`);
  if (options.bcastRate !== undefined) words.push(`bcast-rate=${options.bcastRate}`);
  if (options.wires !== undefined) words.push(`wires=${options.wires}`);
  return words;
}
