/** Goes through a log and checks every record's form and its place in the chain of hashes; plays nothing. */

import { fileProblem } from '../../../io/file-problem.ts';
import { segmentName } from '../../../io/journal/damage.ts';
import { sha256 } from '../../../io/journal/digest.ts';
import { listSegments, SegmentLines } from '../../../io/journal/reader.ts';
import { parseRecord } from '../../../machines/log/parse.ts';
import { type Head, type LogRecord, type Sealed, verifyLink } from '../../../machines/log/record.ts';
import { Failure } from '../cli/failures.ts';

/** What is wrong, and where. */
export interface Damage {
  readonly segment: number;
  /** Line in that segment, from 1; absent where the whole segment is missing. */
  readonly line?: number;
  /** `seq` that the record has or should have. */
  readonly record: number;
  /** End of a sentence that begins `record N: `. */
  readonly why: string;
}

export interface Verified {
  readonly segments: number;
  readonly records: number;
  readonly first?: LogRecord;
  readonly last?: LogRecord;
  /** The log begins behind dropped segments. */
  readonly trusted: boolean;
  readonly tornBytes: number;
  readonly damage?: Damage;
}

/**
 * @param from number of the first segment to look at; earlier ones count as dropped
 * @param tell called now and then with the number of the record reached
 * @throws Failure (2) when there is no log in the directory
 */
export function verifyLog(dir: string, from = 1, tell: (seq: number) => void = () => {}): Verified {
  const segments = segmentsFrom(dir, from);
  const lines = new SegmentLines(segments);
  let first: LogRecord | undefined;
  let last: LogRecord | undefined;
  let records = 0;
  const result = (damage?: Damage): Verified => ({
    segments: segments.length,
    records,
    ...(first === undefined || last === undefined ? {} : { first, last }),
    trusted: first !== undefined && first.seq > 1,
    tornBytes: lines.tornBytes,
    ...(damage === undefined ? {} : { damage }),
  });
  for (const line of lines) {
    const record = parseRecord(line);
    const wrong = typeof record === 'string' ? record : misplaced({ record, line }, last);
    if (typeof record === 'string' || wrong !== undefined) {
      const seq = last !== undefined ? last.seq + 1 : typeof record === 'string' ? 1 : record.seq;
      return result({ segment: lines.segment, line: lines.line, record: seq, why: wrong ?? '' });
    }
    first ??= record;
    last = record;
    if ((++records & 0xfff) === 0) tell(record.seq);
  }
  return result(
    missing(
      segments.map(({ number }) => number),
      last,
    ),
  );
}

function segmentsFrom(dir: string, from: number) {
  let segments: ReturnType<typeof listSegments>;
  try {
    segments = listSegments(dir).filter(({ number }) => number >= from);
  } catch (error) {
    throw new Failure(2, fileProblem(error) ?? (error as Error).message);
  }
  if (segments.length > 0) return segments;
  throw new Failure(2, `there is no log in ${dir}: it has no file such as ${segmentName(from)}`);
}

function misplaced(sealed: Sealed, last: Head | undefined): string | undefined {
  const { record } = sealed;
  const wrong = verifyLink(sealed, last, sha256);
  if (wrong !== undefined || last !== undefined || record.seq === 1) return wrong;
  return record.event.type === 'checkpoint'
    ? undefined
    : 'the log begins with it, and it is neither record 1 nor a checkpoint';
}

/** A hole in the numbers of the files; where records are missing with it, the chain has shown that before. */
function missing(numbers: readonly number[], last: LogRecord | undefined): Damage | undefined {
  const gap = numbers.findIndex((number, index) => index > 0 && number !== numbers[index - 1]! + 1);
  if (gap < 0) return undefined;
  const segment = numbers[gap - 1]! + 1;
  return { segment, record: (last?.seq ?? 0) + 1, why: `segment ${segmentName(segment)} is missing` };
}

/** Lines with LF. */
export function verifiedText(dir: string, verified: Verified): string {
  const { segments, records, first, last, trusted, tornBytes, damage } = verified;
  const lines: string[] = [];
  if (damage !== undefined) {
    lines.push(`DAMAGED: ${segmentName(damage.segment)}, record ${damage.record}: ${damage.why}`);
    lines.push(
      `The ${records} records before it are whole. \`vnet log repair ${dir}\` shows what could be kept.`,
    );
  } else if (first === undefined || last === undefined) {
    lines.push('OK: the log has no record yet.');
  } else {
    lines.push(
      `OK: ${records} records in ${segments} ${segments === 1 ? 'segment' : 'segments'}, #${first.seq} to #${last.seq}, ${first.time} to ${last.time}`,
      `Head: ${last.hash} (that nothing was cut off behind it only a copy of this line kept elsewhere can show)`,
    );
  }
  if (trusted) lines.push(`Older segments were dropped: seq and prev of #${first?.seq} were taken on trust.`);
  if (tornBytes > 0)
    lines.push(
      `Behind the last record stand ${tornBytes} bytes of one that was not completed; a server cuts them off when it starts.`,
    );
  return lines.map((line) => `${line}\n`).join('');
}
