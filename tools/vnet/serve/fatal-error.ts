/**
 * What is said of an error that nobody caught, before the process ends. Node's own report shows the message, every
 * property of the error and the line of source; a message may quote a value, and that may be a secret. Here stand
 * the kind of error, its code, where it happened, and its message without whatever it quotes.
 */
import type { Diagnostics } from '../../../io/ports.ts';
import { sourceFrame } from './source-frames.ts';

const MOST_CAUSES = 3;
const LONGEST_MESSAGE = 200;

/** Kind, code, frames and tamed message of an error and of what caused it; of another thing that was thrown its type. */
export function describeError(error: unknown, causes = MOST_CAUSES): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: `a thrown ${typeof error}` };
  const { code } = error as NodeJS.ErrnoException;
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    error: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    reason: withoutQuotes(error.message),
    at: frames.map((line) => sourceFrame(line.trim().replace(/^at /, ''))),
    ...(error.cause === undefined || causes === 0 ? {} : { cause: describeError(error.cause, causes - 1) }),
  };
}

/** From a quote on to the last one of its kind: what is quoted may hold quotes itself. */
function withoutQuotes(message: string): string {
  return message
    .replace(/(["'`]).*\1/gs, '…')
    .replace(/\breceived .*/is, 'received …')
    .slice(0, LONGEST_MESSAGE);
}

/** From now on Node's own warnings are diagnostics like all others: Node would wait until somebody reads them. */
export function reportWarnings(diagnostics: Diagnostics): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => diagnostics.warn(describeError(warning), 'a warning of Node'));
}

/** From now on an error that nobody catches ends this process with status 1 and a line in its diagnostics. */
export function reportFatalError(diagnostics: Diagnostics): void {
  const end = (error: unknown) => {
    try {
      diagnostics.error(describeError(error), 'an error that nobody caught: this is a fault of the program');
    } finally {
      process.exit(1);
    }
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}
