/** Where steps go: one of these for each `--format`. */
import type { CommandIo } from '../cli/command-io.ts';
import { HtmlDocument } from './html.ts';
import { transitionLine } from './line.ts';
import type { LogVerdict, MergedStep } from './merged-steps.ts';
import { MermaidDocument } from './mermaid.ts';
import { effectsOf, stepJson } from './text.ts';
import { verdictText } from './verdict.ts';

export type Format = 'text' | 'json' | 'mermaid' | 'html';

export interface Output {
  /** Text for standard output now, if any. */
  step(step: MergedStep): string;
  /** What is left for standard output at the end. */
  end(verdicts: readonly LogVerdict[]): Iterable<string>;
  /** Whether the verdict has its place in the output itself; else it goes to standard error. */
  readonly tellsVerdict: boolean;
}

export interface OutputContext {
  readonly places: readonly string[];
  readonly labels: readonly [string, string] | undefined;
  /** Sessions that are those of other servers; asked for by the formats that draw them. */
  peerSessions(): ReadonlySet<string>;
}

export function makeOutput(format: Format, quiet: boolean, context: OutputContext): Output {
  const output = ALL[format](context);
  return quiet ? { ...output, step: () => '' } : output;
}

const ALL: { readonly [F in Format]: (context: OutputContext) => Output } = {
  text: ({ labels }) => {
    const width = Math.max(0, ...(labels ?? []).map(({ length }) => length));
    return {
      tellsVerdict: true,
      step: (step) => {
        const label = step.label === undefined ? '' : `${step.label.padEnd(width)}  `;
        return `${label}${transitionLine(step.record, { effects: effectsOf(step) })}\n`;
      },
      end: (verdicts) => [verdictsText(verdicts)],
    };
  },
  json: () => ({
    tellsVerdict: true,
    step: stepJson,
    end: (verdicts) =>
      verdicts.map(
        ({ label, verdict }) =>
          `${JSON.stringify(label === undefined ? { verdict } : { log: label, verdict })}\n`,
      ),
  }),
  mermaid: ({ labels, peerSessions }) => {
    const document = new MermaidDocument(peerSessions(), labels);
    return { tellsVerdict: false, step: collect(document), end: () => [document.text()] };
  },
  html: ({ places }) => {
    const document = new HtmlDocument();
    const title = `VNET replay of ${places.join(' and ')}`;
    return {
      tellsVerdict: false,
      step: collect(document),
      end: (verdicts) => document.pieces(title, verdicts),
    };
  },
};

function collect(document: { add(step: MergedStep): void }): (step: MergedStep) => string {
  return (step) => {
    document.add(step);
    return '';
  };
}

/** The verdict on one log, or on each of two with its name before it. */
export function verdictsText(verdicts: readonly LogVerdict[]): string {
  return verdicts
    .map(({ label, verdict }) => (label === undefined ? '' : `${label}: `) + verdictText(verdict))
    .join('');
}

/** Notes for standard error: what stands behind the last whole record. A crash left it, or it is just being written. */
export function tellTorn(verdicts: readonly LogVerdict[], around: CommandIo): void {
  for (const { place, tornBytes } of verdicts) {
    if (tornBytes === 0) continue;
    around.err(
      `${place}: behind the last record stand ${tornBytes} bytes of one that was not completed; a server cuts them off when it starts.\n`,
    );
  }
}
