/** Lines that a server sent, as client, initiator and conformance suite read them. */
import { bad, good, type Result } from './errors.ts';
import { isName, parseHandlerId } from './ids.ts';
import { parseMtu } from './numbers.ts';
import { parseWires } from './options.ts';
import { type Token, tokenise } from './tokens.ts';
import type { Join } from './types.ts';

interface Values {
  /** Values of the `key=value` tokens; of a key that stands twice the last. */
  readonly fields: Record<string, string>;
  /** Values without a key, in order. */
  readonly words: readonly string[];
  /** The line breaks the rules of section 2 or 5; what could be made of it stands in the other members. */
  readonly malformed?: true;
}

/** `ok` and `err` end an answer, `data` does not. */
export type Answer =
  | ({ readonly kind: 'ok' } & Values)
  | ({ readonly kind: 'data'; readonly word: string } & Values)
  | {
      readonly kind: 'err';
      /** 0 where there was no three-digit code. */
      readonly code: number;
      readonly reason: string;
      readonly text: string;
      readonly malformed?: true;
    };

/** What a line of an answer says. Takes any line at all; of a wrong one it makes what can be made, and says so. */
export function parseAnswerLine(line: string): Answer {
  const word = /^[^ \t]*/.exec(line)?.[0] ?? '';
  if (word === 'ERR') return parseErr(line);
  const tokens = tokenise(line.slice(word.length));
  const clean = tokens.ok && word !== '' && !word.includes('"');
  const values: Values = {
    ...toValues(tokens.ok ? tokens.value : []),
    ...(clean ? {} : { malformed: true }),
  };
  return word === 'OK' ? { kind: 'ok', ...values } : { kind: 'data', word, ...values };
}

function parseErr(line: string): Answer {
  const parts = /^ERR +([0-9]{3}) +([a-z][a-z0-9-]*)(?: +(.*))?$/s.exec(line);
  if (!parts) return { kind: 'err', code: 0, reason: '', text: line.slice(3).trim(), malformed: true };
  return { kind: 'err', code: Number(parts[1]), reason: parts[2] ?? '', text: parts[3] ?? '' };
}

function toValues(tokens: readonly Token[]): Values {
  const fields: [string, string][] = [];
  const words: string[] = [];
  for (const { text, quotedAt } of tokens) {
    const equals = text.indexOf('=');
    // A token that is quoted from its first character on is a value, whatever it holds.
    if (equals < 1 || quotedAt === 0) words.push(text);
    else fields.push([text.slice(0, equals), text.slice(equals + 1)]);
  }
  return { fields: Object.fromEntries(fields), words };
}

export interface Greeting {
  readonly server: string;
  /** Methods of HELLO that are good on this connection; may be none. */
  readonly auth: readonly string[];
  /** What it can do beyond the first version of the protocol; words that we do not know among them. */
  readonly features: readonly string[];
}

/** The line that a server sends on accept; `remote-protocol` for anything else, an ERR line too. */
export function parseGreeting(line: string): Result<Greeting> {
  const answer = parseAnswerLine(line);
  if (answer.kind !== 'ok' || answer.words[0] !== 'VNET/1') {
    return bad(
      'remote-protocol',
      'the other side does not greet as a VNET/1 server: OK VNET/1 server=<name> auth=<methods>',
    );
  }
  const { server, auth, features = '' } = answer.fields;
  if (server === undefined || !isName(server) || auth === undefined) {
    return bad('remote-protocol', 'the greeting lacks a right server=<name> or auth=<methods>');
  }
  return good({ server, auth: words(auth), features: words(features) });
}

function words(list: string): string[] {
  return list.split(',').filter((word) => word !== '');
}

export interface BeginOk {
  readonly handler: string;
  readonly offload: boolean;
  /** MTU of the responder's device in bytes, 68 to 65,535. */
  readonly mtu: number;
  /** Connections that the Handler may have; undefined where the other side did not say. */
  readonly wires?: number;
}

/** The OK that answers BEGIN; `remote-protocol` where it is not one. */
export function parseBeginOk(line: string): Result<BeginOk> {
  const answer = parseAnswerLine(line);
  const fields = answer.kind === 'ok' ? answer.fields : {};
  const handler = parseHandlerId(fields.handler ?? '');
  const mtu = parseMtu(fields.mtu ?? '');
  const { offload } = fields;
  if (!handler.ok || mtu === undefined || (offload !== 'on' && offload !== 'off')) {
    return bad(
      'remote-protocol',
      'BEGIN is answered by OK handler=<id> offload=<on/off> mtu=<n>; the remote said something else',
    );
  }
  const wires = fields.wires === undefined ? undefined : parseWires(fields.wires);
  if (fields.wires !== undefined && wires === undefined) {
    return bad('remote-protocol', 'wires= in the answer to BEGIN is a number from 1 to 8');
  }
  return good({
    handler: handler.value,
    offload: offload === 'on',
    mtu,
    ...(wires === undefined ? {} : { wires }),
  });
}

/** Whether a line is the OK that answers JOIN for that wire of that Handler. */
export function parseJoinOk(line: string, join: Join): boolean {
  const answer = parseAnswerLine(line);
  if (answer.kind !== 'ok') return false;
  return answer.fields.handler === join.handler && answer.fields.wire === String(join.wire);
}
