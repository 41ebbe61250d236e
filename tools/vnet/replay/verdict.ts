/** What came of a replay, in words. */
import type { Verdict } from '../../../machines/log/replay.ts';
import { grouped } from '../cli/units.ts';

/** 0 all agrees, 1 a record does not, 2 the log is damaged. */
export function verdictStatus({ kind }: Verdict): 0 | 1 | 2 {
  return kind === 'ok' ? 0 : kind === 'mismatch' ? 1 : 2;
}

/** Lines with LF. */
export function verdictText(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'ok':
      return okText(verdict);
    case 'damaged':
      return (
        `DAMAGED: record ${verdict.record}: ${verdict.why}\n` +
        'Everything before it is whole. `vnet log repair DIR` shows what could be kept.\n'
      );
    case 'mismatch':
      return mismatchText(verdict);
  }
}

function okText({ records, head, trusted, stopped }: Extract<Verdict, { readonly kind: 'ok' }>): string {
  if (records === 0) return `OK: the log has no record${stopped ? ' up to there' : ''}.\n`;
  const count = records === 1 ? '1 record' : `${grouped(records)} records`;
  const lines = [
    `OK: ${count} replayed, every state agrees; the last is #${head.seq}, hash ${head.hash.slice(0, 16)}…`,
  ];
  if (trusted)
    lines.push(
      'It begins behind dropped segments: the number and prev of its first record were taken on trust.',
    );
  if (stopped) lines.push('It was replayed up to --until; there is more behind that.');
  return `${lines.join('\n')}\n`;
}

function mismatchText({ mismatch, record }: Extract<Verdict, { readonly kind: 'mismatch' }>): string {
  const { seq, actor, why, expected, actual, path } = mismatch;
  const lines = [`DISAGREES: record ${seq}, ${actor}, event ${record.event.type}: ${why}`];
  lines.push(`  the record says   ${expected.to} (state ${expected.state})`);
  if (actual !== undefined) lines.push(`  the machine says  ${actual.to} (state ${actual.state})`);
  if (path !== undefined) lines.push(`  first difference  ${path}`);
  lines.push(
    'Everything before it agrees. Was the log written by another version of this program, or changed?',
  );
  return `${lines.join('\n')}\n`;
}
