/**
 * The errors of PROTOCOL.md section 5. A reason word has one code; the text behind it is for people.
 */
export const ERROR_CODES = {
  syntax: 400,
  'unknown-command': 400,
  'bad-mac': 400,
  'bad-role': 400,
  'bad-roles-pair': 400,
  'bad-device': 400,
  'bad-option': 400,
  'bad-remote': 400,
  'bad-id': 400,
  'not-authenticated': 401,
  'authentication-failed': 403,
  forbidden: 403,
  'tls-required': 403,
  'no-such-handler': 404,
  'no-such-device': 404,
  'no-such-peer': 404,
  'wrong-state': 405,
  timeout: 408,
  'handler-exists': 409,
  'mac-in-use': 409,
  'device-busy': 409,
  'handler-closed': 410,
  'line-too-long': 413,
  'too-many-sessions': 429,
  'too-many-handlers': 429,
  'too-many-attempts': 429,
  'too-many-wires': 429,
  internal: 500,
  'remote-unreachable': 502,
  'remote-refused': 502,
  'remote-protocol': 502,
  'remote-untrusted': 502,
  'remote-timeout': 504,
  'log-unavailable': 507,
} as const satisfies Record<string, number>;

export type Reason = keyof typeof ERROR_CODES;
export const REASONS = Object.keys(ERROR_CODES) as readonly Reason[];

export function isReason(word: string): word is Reason {
  return Object.hasOwn(ERROR_CODES, word);
}

/** What was wrong, as a value: pure code returns it, it is never thrown. */
export interface Refusal {
  readonly reason: Reason;
  /** What was wrong and what would be right. May quote what the user typed, so it never goes into the log. */
  readonly text: string;
}

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

export function good<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function bad(reason: Reason, text: string): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { reason, text } };
}

/** Most characters of a refusal's text that are sent; a remote's ERR line, passed on as text, could have thousands. */
const MAX_TEXT = 1024;

/** The last line of an answer that refuses, without its LF. Control characters in its text become blanks. */
export function formatRefusal({ reason, text }: Refusal): string {
  const plain = text.slice(0, MAX_TEXT).replace(/\p{Cc}+/gu, ' ');
  return `ERR ${ERROR_CODES[reason]} ${reason} ${plain}`.trimEnd();
}
