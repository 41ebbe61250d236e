/** What can be a secret, and which ways of writing one are the same. */

/** Longest secret in bytes; a HELLO line takes 8,192 in all. */
const SECRET_BYTES = 1024;

/** C0, DEL and C1 without the tab: no line of the protocol can carry them (PROTOCOL.md section 2). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/;

/** Why a text cannot be a secret; undefined when it can. The words go behind "the password". */
export function secretProblem(secret: string): string | undefined {
  if (secret === '') return 'is empty';
  if (Buffer.byteLength(secret) > SECRET_BYTES) return `is longer than ${SECRET_BYTES} bytes`;
  if (CONTROL.test(secret)) return 'holds a control character, which no HELLO can carry';
  // Where Node decodes by itself (environment, terminal), this is what is left of whatever bytes there were.
  if (secret.includes('\ufffd')) return 'holds bytes that are not UTF-8 (or U+FFFD, which stands for such)';
  return undefined;
}

/**
 * The one form of all ways to write a secret: what keyboards and systems make of the same keys differs. As OpaqueString
 * says it (RFC 8265, section 4.2.2): every space is U+0020, then NFC. Case and width stay as they are.
 */
export function normalSecret(secret: string): string {
  return secret.replace(/\p{Zs}/gu, ' ').normalize('NFC');
}

/**
 * What a secret that was told may match, the likely one first. A hash that was made before there was a normal form is
 * one of the very bytes that were typed then.
 */
export function formsOf(secret: string): readonly string[] {
  const normal = normalSecret(secret);
  return normal === secret ? [secret] : [normal, secret];
}
