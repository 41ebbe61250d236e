/** Reads a secret from standard input: typed twice without an echo at a terminal, the first line of a pipe. */
import { createInterface } from 'node:readline/promises';
import type { ReadStream } from 'node:tty';
import { decodeUtf8 } from '../../../io/auth/text.ts';
import { Failure, orFail } from './failures.ts';

/** Bytes; a secret is far shorter. */
const LONGEST = 64 * 1024;

/** @throws Failure (1) when there is none, or the two do not agree */
export async function readNewSecret(prompt: (text: string) => void): Promise<string> {
  const { stdin } = process;
  if (!stdin.isTTY) return oneLine(await readAll(stdin));
  const first = await typeSecret(stdin, prompt, 'Password: ');
  const second = await typeSecret(stdin, prompt, 'The same again: ');
  if (first !== second) throw new Failure(1, 'The two are not the same; nothing was printed. Try again.');
  return first;
}

async function readAll(input: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of input) {
    chunks.push(Buffer.from(chunk as Buffer));
    length += chunks.at(-1)!.length;
    if (length > LONGEST) throw new Failure(1, 'Standard input is far too long for a password.');
  }
  return orFail(1, () => decodeUtf8(Buffer.concat(chunks), 'Standard input'));
}

/** @throws Failure (1) when it is not just one line */
export function oneLine(text: string): string {
  const line = text.replace(/\r?\n$/, '');
  if (line === '')
    throw new Failure(1, 'There was no password on standard input: type it, or pipe one line in.');
  if (/[\r\n]/.test(line))
    throw new Failure(1, 'Standard input has more than one line: it takes the password alone.');
  return line;
}

/** The terminal is in raw mode meanwhile, so that nothing is echoed; readline does the editing. */
async function typeSecret(
  stdin: ReadStream,
  prompt: (text: string) => void,
  question: string,
): Promise<string> {
  prompt(question);
  // Without an output that it could echo to, `terminal` makes it set raw mode and know backspace and ^U.
  const reader = createInterface({ input: stdin, terminal: true, historySize: 0 });
  try {
    return await new Promise<string>((resolve, reject) => {
      reader.once('line', resolve);
      reader.once('SIGINT', () => reject(new Failure(1, 'Given up.')));
      reader.once('close', () => reject(new Failure(1, 'There was no password.')));
    });
  } finally {
    reader.close();
    prompt('\n');
  }
}
