import { expressible, quote } from '../../../machines/protocol/tokens.ts';
import { UsageError } from '../cli/failures.ts';

/** A word of the command line as it stands in a line of the protocol. @throws UsageError when no line can hold it */
export function lineWord(word: string): string {
  if (expressible(word)) return quote(word);
  throw new UsageError('an argument holds a control character, which no line of the protocol can');
}
