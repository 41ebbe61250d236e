/**
 * `<auth>` of HANDLE (PROTOCOL.md section 3):
 *
 *     password:<secret>   password:<identity>:<secret>   cert   -
 *
 * A secret with a colon is quoted: `password:"a:b"` is the secret `a:b`, `password:a:b` identity `a` and secret `b`.
 * No text of an error here quotes the argument.
 */
import { bad, good, type Result } from './errors.ts';
import { DEFAULT_IDENTITY, isName } from './ids.ts';
import { quote, quoted, type Token } from './tokens.ts';
import type { Auth, KeepSecret } from './types.ts';

/** An `<auth>` that still holds its secret in the clear; it goes no further than the parser and the builder of lines. */
export type PlainAuth =
  | { readonly kind: 'password'; readonly identity: string; readonly secret: string }
  | Exclude<Auth, { readonly kind: 'password' }>;

const PREFIX = 'password:';
const FORMS = 'auth is password:<secret>, password:<identity>:<secret>, cert or -';

/** Reads the argument; `syntax` for another form, `bad-id` for an identity that cannot be one. */
export function parsePlainAuth(token: Token): Result<PlainAuth> {
  if (token.text === 'cert') return good({ kind: 'cert' });
  if (token.text === '-') return good({ kind: 'peer-entry' });
  if (!token.text.startsWith(PREFIX)) return bad('syntax', FORMS);
  return parsePassword(token.text.slice(PREFIX.length), token.quotedAt - PREFIX.length);
}

/** @param quotedAt index in `text` where its quoted part begins; below 0: the colons in it part it */
function parsePassword(text: string, quotedAt: number): Result<PlainAuth> {
  if (quotedAt === 0) return good({ kind: 'password', identity: DEFAULT_IDENTITY, secret: text });
  const colon = text.indexOf(':');
  const identity = colon < 0 ? DEFAULT_IDENTITY : text.slice(0, colon);
  const secret = text.slice(colon + 1);
  const secretQuoted = quotedAt === colon + 1;
  if (!isName(identity))
    return bad('bad-id', `the identity in auth has 1 to 64 characters out of A-Z a-z 0-9 . _ -`);
  if (!secretQuoted && secret === '') return bad('syntax', `there is no secret; ${FORMS}`);
  if (!secretQuoted && secret.includes(':'))
    return bad('syntax', 'a secret with a colon in it is put in double quotes');
  return good({ kind: 'password', identity, secret });
}

/** Hands the secret over, so that only its reference goes on. */
export function keepAuth(auth: PlainAuth, keep: KeepSecret): Auth {
  return auth.kind === 'password' ? { ...auth, secret: keep(auth.secret) } : auth;
}

/** `<auth>` as a value without its secret; the secret is given to `keep` when everything is right. */
export function parseAuth(token: Token, keep: KeepSecret): Result<Auth> {
  const plain = parsePlainAuth(token);
  return plain.ok ? good(keepAuth(plain.value, keep)) : plain;
}

/** The argument as it stands in a line. `secret` is the text that the reference in `auth` stands for. */
export function formatAuth(auth: Auth | PlainAuth, secret: string = ''): string {
  if (auth.kind === 'cert') return 'cert';
  if (auth.kind === 'peer-entry') return '-';
  const identity = auth.identity === DEFAULT_IDENTITY ? '' : `${auth.identity}:`;
  return `${PREFIX}${identity}${secret.includes(':') ? quoted(secret) : quote(secret)}`;
}
