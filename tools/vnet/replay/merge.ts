/** The steps of two logs in one row: every record behind those of the other log that led to it. */

import { parseRecord } from '../../../machines/log/parse.ts';
import type { LogRecord } from '../../../machines/log/record.ts';
import type { Step, Verdict } from '../../../machines/log/replay.ts';
import { type Causality, findCausality } from './links.ts';
import { type MergedSteps, openSource, placeName, type Source, type StepFilter } from './merged-steps.ts';

export interface Merged {
  readonly labels: readonly [string, string];
  readonly causality: Causality;
  readonly steps: MergedSteps;
}

/** @throws Failure (2) where a log is not there */
export function mergeLogs(places: readonly [string, string], options: StepFilter): Merged {
  const names: [string, string] = [placeName(places[0]), placeName(places[1])];
  const causality = findCausality([
    recordsOf(openSource(places[0]), (name) => (names[0] = name)),
    recordsOf(openSource(places[1]), (name) => (names[1] = name)),
  ]);
  const labels: [string, string] = names[0] === names[1] ? [`${names[0]}(1)`, `${names[1]}(2)`] : names;
  const sources = [openSource(places[0]), openSource(places[1])] as const;
  return { labels, causality, steps: interleave(sources, labels, causality, options) };
}

/** All records up to the first damage, unchecked; the name of the server on the way. */
function* recordsOf(source: Source, named: (name: string) => void): Generator<LogRecord> {
  for (const line of source.lines) {
    const record = parseRecord(line);
    if (typeof record === 'string') return;
    if (record.actor === 'server' && typeof record.event.name === 'string') named(record.event.name);
    yield record;
  }
}

/** One of the two logs while they are put together. */
interface Lane {
  readonly label: string;
  readonly steps: Generator<Step, Verdict, undefined>;
  /** The step that is next; undefined at the end. */
  next: Step | undefined;
  verdict?: Verdict;
  /** Number of the last record that was given out. */
  reached: number;
  /** For a record here, the number of the record of the other log that came before it. */
  readonly needs: Map<number, number>;
  /** Milliseconds to take from its times. */
  readonly ahead: number;
}

function* interleave(
  sources: readonly [Source, Source],
  labels: readonly [string, string],
  { links, offset }: Causality,
  options: StepFilter,
): MergedSteps {
  // --actor leaves steps out only here, so that both logs are put together in the same way with it and without.
  const { actor, ...rest } = options;
  const lanes = sources.map((source, index) => lane(source, labels[index]!, index === 1 ? offset : 0, rest));
  const [left, right] = lanes as [Lane, Lane];
  for (const { from, before, after } of links) {
    const { needs } = from === 0 ? right : left;
    needs.set(after, Math.max(before, needs.get(after) ?? 0));
  }
  for (;;) {
    const chosen = choose(left, right);
    if (chosen?.next === undefined) break;
    const step = chosen.next;
    if (actor === undefined || step.record.actor === actor) yield { ...step, label: chosen.label };
    chosen.reached = step.record.seq;
    advance(chosen);
  }
  return lanes.map(({ label, verdict }, index) => {
    const { place, lines } = sources[index]!;
    return { place, label, verdict: verdict!, tornBytes: lines.tornBytes };
  });
}

function lane(source: Source, label: string, ahead: number, options: StepFilter): Lane {
  const steps = source.steps(options);
  const made: Lane = { label, steps, next: undefined, reached: 0, needs: new Map(), ahead };
  advance(made);
  return made;
}

function advance(lane: Lane): void {
  const { done, value } = lane.steps.next();
  if (done) {
    lane.verdict = value;
    lane.next = undefined;
  } else {
    lane.next = value;
  }
}

/** The lane whose step comes next; undefined when both have ended. */
function choose(left: Lane, right: Lane): Lane | undefined {
  if (left.next === undefined || right.next === undefined) return left.next === undefined ? right : left;
  const leftWaits = waits(left, right);
  if (leftWaits !== waits(right, left)) return leftWaits ? right : left;
  return timeOf(left) <= timeOf(right) ? left : right;
}

function waits(lane: Lane, other: Lane): boolean {
  return (lane.needs.get(lane.next!.record.seq) ?? 0) > other.reached;
}

function timeOf({ next, ahead }: Lane): number {
  return Date.parse(next!.record.time) - ahead;
}
