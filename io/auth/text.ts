/** Bytes of a file or a pipe as text: UTF-8, a byte order mark before it is left out. */
import { isUtf8 } from 'node:buffer';

/**
 * The text; bytes that are not UTF-8 become U+FFFD, as is good enough for comments.
 * @param name what it is, for the message
 * @throws Error where it is UTF-16, as some editors and shells of Windows write it
 */
export function decodeText(bytes: Buffer, name: string): string {
  if (isUtf16(bytes)) throw new Error(`${name} is UTF-16, which nothing here reads: save it as UTF-8`);
  return bytes.toString('utf8').replace(/^\ufeff/, '');
}

/**
 * The same of what must be UTF-8 throughout: else two secrets of other bytes would be one.
 * @throws Error with the line that is wrong
 */
export function decodeUtf8(bytes: Buffer, name: string): string {
  const text = decodeText(bytes, name);
  if (isUtf8(bytes)) return text;
  throw new Error(
    `${name} is not UTF-8 (see line ${lineOfMistake(bytes)}): save it as UTF-8, without other bytes`,
  );
}

function isUtf16(bytes: Buffer): boolean {
  const mark = bytes.length >= 2 ? bytes.readUInt16BE(0) : 0;
  return mark === 0xfeff || mark === 0xfffe;
}

function lineOfMistake(bytes: Buffer): number {
  let line = 1;
  for (let at = 0; at < bytes.length; line++) {
    const end = bytes.indexOf('\n', at);
    if (end < 0 || !isUtf8(bytes.subarray(at, end))) break;
    at = end + 1;
  }
  return line;
}
