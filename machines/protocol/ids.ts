/** Names: Handler ids, identities, server and peer names (PROTOCOL.md section 3). */
import { bad, good, type Result } from './errors.ts';

/** Identity of a HELLO or an `<auth>` that names none. */
export const DEFAULT_IDENTITY = 'default';

const HANDLER_ID = /^[0-9a-f]{16,64}$/;
const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** Whether this may be an identity, the name of a server or the name of a peer entry. */
export function isName(text: string): boolean {
  return NAME.test(text);
}

/** Whether this may be the id of a Handler. */
export function isHandlerId(text: string): boolean {
  return HANDLER_ID.test(text);
}

/** A Handler id: 16 to 64 lower-case hex digits, else `bad-id`. */
export function parseHandlerId(text: string): Result<string> {
  if (isHandlerId(text)) return good(text);
  return bad('bad-id', 'a Handler id has 16 to 64 lower-case hex digits');
}

/** An identity, else `bad-id`. */
export function parseIdentity(text: string): Result<string> {
  if (isName(text)) return good(text);
  return bad('bad-id', 'an identity has 1 to 64 characters out of A-Z a-z 0-9 . _ -');
}
