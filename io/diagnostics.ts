import pino from 'pino';
import type { Diagnostics } from './ports.ts';

/**
 * The operational log: JSON lines on standard error. Fields: `level`, `time` (RFC 3339), `server`, `msg`, and of what
 * it is about `handler`, `session`, `device`, `url`, `reason`, `error`. Written at once, so that the last words of a
 * process that dies are not lost.
 */
export function standardErrorLog(server: string, level = 'info'): Diagnostics {
  const log = pino(
    {
      level,
      base: { server },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err },
    },
    pino.destination({ dest: 2, sync: true }),
  );
  return {
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
  };
}
