/**
 * `--format mermaid`: a sequence diagram of client, server and peer, and a state diagram with visits counted, as
 * Markdown with two fenced blocks (https://mermaid.js.org/).
 */
import { type Arrow, arrowsOf, type Party } from './arrows.ts';
import type { MergedStep } from './merged-steps.ts';

/** Arrows and notes of one diagram; Mermaid draws no more than 50,000 characters. */
const MOST = 400;

interface Drawn {
  readonly arrow: Arrow;
  readonly label: string | undefined;
}

/** Collects steps; `text` gives the document. Memory does not grow with the log past the bound of the diagram. */
export class MermaidDocument {
  readonly #labels: readonly [string, string] | undefined;
  readonly #peerSessions: ReadonlySet<string>;
  readonly #drawn: Drawn[] = [];
  #omitted = 0;
  /** Counts by machine, then by transition `from to`. */
  readonly #transitions = new Map<string, Map<string, number>>();

  /**
   * @param labels names of the two servers where two logs are merged
   * @param peerSessions sessions that are those of another server, as `sessionKey` names them
   */
  constructor(peerSessions: ReadonlySet<string>, labels?: readonly [string, string]) {
    this.#peerSessions = peerSessions;
    this.#labels = labels;
  }

  add(step: MergedStep): void {
    const { label, record, definition, before, after } = step;
    const ofPeer = (actor: string) => this.#peerSessions.has(sessionKey(label, actor));
    for (const arrow of arrowsOf(step, ofPeer, this.#labels === undefined)) {
      if (this.#drawn.length < MOST) this.#drawn.push({ arrow, label });
      else this.#omitted++;
    }
    if (
      definition !== undefined &&
      after !== undefined &&
      (before === undefined || record.from !== record.to)
    ) {
      this.#count(definition.name, before === undefined ? '[*]' : record.from, record.to);
      if (after.status === 'done') this.#count(definition.name, record.to, '[*]');
    }
  }

  #count(machine: string, from: string, to: string): void {
    const counts = this.#transitions.get(machine) ?? new Map<string, number>();
    this.#transitions.set(machine, counts);
    const key = `${from} ${to}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }

  text(): string {
    return `${this.#sequence()}\n${this.#states()}`;
  }

  #sequence(): string {
    const lines = ['## Who said what to whom', '', '```mermaid', 'sequenceDiagram', ...this.#participants()];
    for (const { arrow, label } of this.#drawn) lines.push(`  ${this.#arrowLine(arrow, label)}`);
    if (this.#omitted > 0) {
      lines.push(
        `  Note over ${this.#name('server', this.#labels?.[0])}: ${this.#omitted} more are left out, narrow it with --actor or --until`,
      );
    }
    lines.push('```', '');
    return lines.join('\n');
  }

  #participants(): string[] {
    if (this.#labels === undefined) {
      return [
        '  participant client as Client',
        '  participant server as Server',
        '  participant peer as Peer',
      ];
    }
    const [left, right] = this.#labels;
    return [
      `  participant c0 as Client of ${clean(left)}`,
      `  participant s0 as ${clean(left)}`,
      `  participant s1 as ${clean(right)}`,
      `  participant c1 as Client of ${clean(right)}`,
    ];
  }

  #name(party: Party, label: string | undefined): string {
    if (this.#labels === undefined) return party;
    const side = label === this.#labels[1] ? 1 : 0;
    if (party === 'peer') return `s${1 - side}`;
    return `${party === 'client' ? 'c' : 's'}${side}`;
  }

  #arrowLine({ from, to, text, answer }: Arrow, label: string | undefined): string {
    if (from === to) return `Note over ${this.#name(from, label)}: ${clean(text)}`;
    return `${this.#name(from, label)}${answer === true ? '-->>' : '->>'}${this.#name(to, label)}: ${clean(text)}`;
  }

  #states(): string {
    const lines = ['## States, and how often', '', '```mermaid', 'stateDiagram-v2'];
    for (const [machine, counts] of this.#transitions) {
      lines.push(`  state "${machine}" as ${identifier(machine)} {`);
      for (const [state, visits] of visitsOf(counts)) {
        lines.push(`    state "${state} (${visits})" as ${identifier(`${machine}_${state}`)}`);
      }
      for (const [key, count] of counts) {
        const [from = '', to = ''] = key.split(' ').map((state) => stateName(machine, state));
        lines.push(`    ${from} --> ${to} : ${count}`);
      }
      lines.push('  }');
    }
    lines.push('```', '');
    return lines.join('\n');
  }
}

/** How often each state was come to. */
function visitsOf(counts: ReadonlyMap<string, number>): Map<string, number> {
  const visits = new Map<string, number>();
  for (const [key, count] of counts) {
    const to = key.slice(key.indexOf(' ') + 1);
    if (to !== '[*]') visits.set(to, (visits.get(to) ?? 0) + count);
  }
  return visits;
}

function stateName(machine: string, state: string): string {
  return state === '[*]' ? state : identifier(`${machine}_${state}`);
}

function identifier(text: string): string {
  return text.replace(/\W/g, '_');
}

/** Text as Mermaid takes it behind a colon: no line breaks, and none of the characters that end or begin something. */
function clean(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/[;#<>{}"`]/g, (char) => `#${char.charCodeAt(0)};`);
}

/** The name of a session in the steps of one log or two. */
export function sessionKey(label: string | undefined, actor: string): string {
  return label === undefined ? actor : `${label}/${actor}`;
}
