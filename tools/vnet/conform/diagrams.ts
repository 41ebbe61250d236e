/**
 * State diagrams in Mermaid, made from the machines themselves: each transition to another state is an arrow, each
 * that stays is a line in the state's note.
 *
 *     node --import tsx spec/conformance/draw.ts         writes them into spec/PROTOCOL.md
 */
import type { AnyStateMachine, AnyTransitionDefinition } from 'xstate';
import { statesOf } from './model/graph.ts';
import { MODELS } from './model/models.ts';

/** Characters of a label's line before it is broken. */
const LINE = 44;

type Node = AnyStateMachine['root'];

/** What a transition is called: its event, and its guard where there is one. */
function labelOf({ eventType, guard }: AnyTransitionDefinition): string {
  const name = typeof guard === 'string' ? guard : (guard as { type?: string } | undefined)?.type;
  return name === undefined ? eventType : `${eventType} [${name}]`;
}

function wrapped(labels: readonly string[]): string {
  const lines: string[] = [];
  for (const label of labels) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + label.length + 2 <= LINE)
      lines[lines.length - 1] = `${last}, ${label}`;
    else lines.push(label);
  }
  return lines.join('<br>');
}

/** Labels by target state; those that stay stand under the state itself. */
function arrowsFrom(node: Node, self: string): ReadonlyMap<string, readonly string[]> {
  const arrows = new Map<string, string[]>();
  for (const transition of [...node.transitions.values()].flat()) {
    const target = transition.target?.[0]?.key ?? self;
    const labels = arrows.get(target) ?? [];
    const label = labelOf(transition);
    if (!labels.includes(label)) labels.push(label);
    arrows.set(target, labels);
  }
  return arrows;
}

/** What is refused for its arguments stays everywhere: that goes without saying where the event leads on as well. */
function stays(labels: readonly string[], node: Node): readonly string[] {
  const kept = labels.filter((label) => {
    const event = / \[objected\]$/.test(label) ? label.slice(0, label.indexOf(' ')) : undefined;
    return event === undefined || (node.transitions.get(event)?.length ?? 0) < 2;
  });
  return [...new Set(kept)];
}

export function diagram(machine: AnyStateMachine): string {
  const { root } = machine;
  const names = statesOf(machine);
  const lines = ['stateDiagram-v2', `  [*] --> ${root.initial.target[0]?.key}`];
  const notes: string[] = [];
  for (const name of names) {
    const node = root.states[name] as Node;
    for (const [target, labels] of arrowsFrom(node, name)) {
      if (target !== name) lines.push(`  ${name} --> ${target}: ${wrapped(labels)}`);
      else notes.push(...note(name, stays(labels, node)));
    }
    if (node.type === 'final') lines.push(`  ${name} --> [*]`);
  }
  const everywhere = [...arrowsFrom(root, '')].map(([target, labels]) => `→ ${target}: ${wrapped(labels)}`);
  if (everywhere.length > 0)
    notes.push(...note(names.at(-1) ?? '', ['from every other state', ...everywhere], '<br>'));
  return [...lines, ...notes].join('\n');
}

function note(state: string, texts: readonly string[], parted?: string): readonly string[] {
  return [
    `  note right of ${state}`,
    `    ${parted === undefined ? `stays: ${wrapped(texts)}` : texts.join(parted)}`,
    '  end note',
  ];
}

const begin = (name: string): string => `<!-- diagram: ${name} -->`;
const END = '<!-- end of diagram -->';

/** The text with every diagram in it drawn anew. @throws Error when the place of one is missing */
export function withDiagrams(text: string): string {
  return Object.entries(MODELS).reduce((before, [name, machine]) => {
    const start = before.indexOf(begin(name));
    const end = before.indexOf(END, start);
    if (start < 0 || end < 0) throw new Error(`no place for the diagram of ${name}: ${begin(name)} … ${END}`);
    const drawn = `${begin(name)}\n\`\`\`mermaid\n${diagram(machine)}\n\`\`\`\n`;
    return before.slice(0, start) + drawn + before.slice(end);
  }, text);
}
