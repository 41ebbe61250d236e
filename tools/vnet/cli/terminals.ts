import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * At its end Node puts terminals back as it found them, and aborts when one has been hung up meanwhile (an ssh session
 * that ended): the status would tell of a crash behind an orderly end. Such a one is closed before, which Node takes.
 */
export function forgetHungUpTerminals(): void {
  const terminals = [0, 1, 2].filter(isatty);
  if (terminals.length === 0) return;
  process.once('exit', () => {
    for (const fd of terminals) if (!isatty(fd)) closeSync(fd);
  });
}
