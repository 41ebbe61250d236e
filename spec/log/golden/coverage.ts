/** Which transitions of the machines the golden histories hold, and which there are. */
import type { AnyStateMachine } from 'xstate';
import {
  deviceDefinition,
  initiatorDefinition,
  responderDefinition,
  serverDefinition,
  sessionDefinition,
} from '../../../machines/index.ts';
import type { LogRecord } from '../../../machines/log/record.ts';

const DEFINITIONS = [
  sessionDefinition,
  initiatorDefinition,
  responderDefinition,
  deviceDefinition,
  serverDefinition,
];

/** `<machine>@<version> <state> <event> → <state>` */
export function transitionOf({ machine, version, from, event, to }: LogRecord): string {
  return `${machine}@${version} ${from} ${event.type} → ${to}`;
}

/** Every transition of the newest definitions, as the machines are written down; guards are not looked at. */
export function allTransitions(): Set<string> {
  const found = new Set<string>();
  for (const { name, version, machine } of DEFINITIONS) {
    for (const { from, event, to } of written(machine))
      found.add(`${name}@${version} ${from} ${event} → ${to}`);
  }
  return found;
}

function* written(machine: AnyStateMachine) {
  for (const [state, node] of Object.entries(machine.states)) {
    if (node.type === 'final') continue;
    const own = new Set<string>();
    for (const [event, transitions] of node.transitions) {
      own.add(event);
      for (const { target } of transitions) yield { from: state, event, to: target?.[0]?.key ?? state };
    }
    for (const [event, transitions] of machine.root.transitions) {
      if (own.has(event)) continue;
      for (const { target } of transitions) yield { from: state, event, to: target?.[0]?.key ?? state };
    }
  }
}
