import { expressible, quote } from '../../../machines/protocol/tokens.ts';
import { UsageError } from '../cli/failures.ts';

/** A word of the command line as it stands in a line of the protocol. @throws UsageError when no line can hold it */
export function lineWord(word: string): string {
  if (expressible(word)) return quote(word);
  throw new UsageError('an argument holds a control character, which no line of the protocol can');
}

/** The one argument of `close` and `stats`, as it stands in a line; whether it is an id the server says. */
export function onlyHandler(positionals: readonly string[]): string {
  const [id, ...more] = positionals;
  if (id !== undefined && more.length === 0) return lineWord(id);
  throw new UsageError('it takes one argument, the id of a Handler; `vnet handlers` lists them');
}
