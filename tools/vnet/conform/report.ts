/** What a run prints: TAP version 14 (testanything.org), or one JSON object a line. */
import type { Case } from './case.ts';
import type { Tally } from './coverage.ts';
import type { Outcome } from './runner.ts';

/** Gives out lines, without their LF. */
export interface Report {
  begin(cases: readonly Case[], url: string): readonly string[];
  outcome(outcome: Outcome, number: number): readonly string[];
  /** Something about the run, between two cases. */
  remark(text: string): readonly string[];
  end(outcomes: readonly Outcome[], tallies: readonly Tally[]): readonly string[];
}

const plain = (text: string): string => text.replace(/[#\\]/g, '\\$&').replace(/\s+/g, ' ');

function counts(outcomes: readonly Outcome[]): { passed: number; failed: number; skipped: number } {
  const of = (verdict: Outcome['verdict']) => outcomes.filter((each) => each.verdict === verdict).length;
  return { passed: of('pass'), failed: of('fail'), skipped: of('skip') };
}

/** `states 12 of 13 (1 cannot be reached here)`. */
export function tallyLine({ what, covered, missed, beyond }: Tally): string {
  const reachable = covered.length + missed.length;
  const percent = reachable === 0 ? 100 : Math.floor((100 * covered.length) / reachable);
  const rest = beyond.length === 0 ? '' : `; ${beyond.length} more cannot be reached here`;
  return `${what}: ${covered.length} of ${reachable}, ${percent} %${rest}`;
}

export const tap: Report = {
  begin: (cases, url) => ['TAP version 14', `# ${cases.length} cases against ${url}`, `1..${cases.length}`],
  outcome: ({ test, verdict, why, story, milliseconds }, number) => {
    const skip = verdict === 'skip' ? ` # SKIP ${plain(why ?? '')}` : '';
    const head = `${verdict === 'fail' ? 'not ok' : 'ok'} ${number} - ${plain(`${test.id}: ${test.title}`)} (section ${test.section})${skip}`;
    if (verdict !== 'fail') return [head];
    return [
      head,
      '  ---',
      `  section: spec/PROTOCOL.md, ${test.section}`,
      '  message: |',
      ...(why ?? '').split('\n').map((line) => `    ${line}`),
      `  duration_ms: ${milliseconds}`,
      ...(story === undefined || story.length === 0
        ? []
        : ['  talk: |', ...story.map((line) => `    ${line}`)]),
      '  ...',
    ];
  },
  remark: (text) => [`# ${text}`],
  end: (outcomes, tallies) => {
    const { passed, failed, skipped } = counts(outcomes);
    return [
      `# ${passed} passed, ${failed} failed, ${skipped} skipped`,
      ...tallies.flatMap((tally) => [
        `# ${tallyLine(tally)}`,
        ...tally.missed.map((item) => `#   not seen: ${item}`),
        ...tally.beyond.map(({ item, why }) => `#   out of reach: ${item}: ${why}`),
      ]),
    ];
  },
};

export const json: Report = {
  begin: (cases, url) => [JSON.stringify({ type: 'begin', url, cases: cases.length })],
  outcome: ({ test, verdict, why, story, milliseconds }) => {
    const { id, title, section } = test;
    return [JSON.stringify({ type: 'case', id, title, section, verdict, milliseconds, why, talk: story })];
  },
  remark: (text) => [JSON.stringify({ type: 'remark', text })],
  end: (outcomes, tallies) => [JSON.stringify({ type: 'end', ...counts(outcomes), coverage: tallies })],
};
