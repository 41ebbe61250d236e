import pino from 'pino';
import type { Diagnostics } from '../ports.ts';
import { rfc3339Millis } from '../rfc3339.ts';
import { takeFor } from './descriptor.ts';
import { UnwaitingWriter } from './unwaiting-writer.ts';

const STANDARD_ERROR = 2;

export interface StandardErrorLog extends Diagnostics {
  /** Lines that could not be written: nobody reads them, or a disk is full. */
  readonly dropped: number;
}

/**
 * The operational log: JSON lines on standard error. Fields: `level`, `time` (RFC 3339), `server`, `msg`, and of what
 * it is about `handler`, `session`, `device`, `url`, `reason`, `error`. Written at once, so that the last words of a
 * process that dies are not lost. It never throws and never waits: what cannot be written is dropped and counted, and a
 * line says how many when there is room again. One for a process: it writes what waits at the end of it.
 */
export function standardErrorLog(server: string, level = 'info'): StandardErrorLog {
  const writer = new UnwaitingWriter(takeFor(STANDARD_ERROR), (dropped) =>
    log.warn({ dropped }, 'so many lines of these diagnostics could not be written and were dropped'),
  );
  const log = pino(
    {
      level,
      base: { server },
      timestamp: () => `,"time":"${rfc3339Millis(Date.now())}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err },
    },
    { write: (line: string) => writer.write(line) },
  );
  process.once('exit', () => writer.end());
  return {
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    get dropped() {
      return writer.dropped;
    },
  };
}
