/** Errors of a log directory that stop a start. Nothing in the directory was changed when one is thrown. */

/** The log is damaged, and not merely torn at its end. */
export class DamagedLog extends Error {
  constructor(
    readonly dir: string,
    /** Number of the segment, as in its file's name. */
    readonly segment: number,
    /** `seq` that the damaged record has or should have; undefined where a whole segment is missing or unreadable. */
    readonly record: number | undefined,
    /** What is wrong, as the end of a sentence about the record (or segment). */
    readonly what: string,
  ) {
    const where = record === undefined ? '' : `, record ${record}`;
    super(`the log in ${dir} is damaged: segment ${segmentName(segment)}${where}: ${what}`);
    this.name = 'DamagedLog';
  }
}

/** Another process writes to this directory. */
export class LogInUse extends Error {
  constructor(
    readonly dir: string,
    /** What the other one left in the lock file about itself; may be empty. */
    readonly holder: string,
  ) {
    super(`the log in ${dir} is in use by another server${holder === '' ? '' : ` (${holder})`}`);
    this.name = 'LogInUse';
  }
}

/** `00000001.ndjson` */
export function segmentName(number: number): string {
  return `${String(number).padStart(8, '0')}.ndjson`;
}
