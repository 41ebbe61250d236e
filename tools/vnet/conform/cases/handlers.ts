/** Cases of the two Handler machines: everything that can happen to a Handler, in every state. */

import type { Case } from '../case.ts';
import { InitiatorDrive } from '../drive/initiator.ts';
import { ResponderDrive } from '../drive/responder.ts';
import { type Edge, edgesOf } from '../model/graph.ts';
import { type InitiatorStep, initiatorModel } from '../model/initiator.ts';
import { responderModel } from '../model/responder.ts';
import type { Target } from '../target.ts';

const id = (side: string, at: string, label: string) => `${side}/${at.replaceAll(' ', '-')}/${label}`;
const sectionOf = (type: string) => (type === 'bye' || type === 'protocol-error' ? '6' : '4');

export function initiatorCases(target: Target): readonly Case[] {
  const model = initiatorModel(target);
  return edgesOf(model)
    .flatMap(greetedToo)
    .map(({ at, way, event }) => ({
      id: id('initiator', at, event.label),
      title: `${event.label} at an initiator: ${at}`,
      section: sectionOf(event.type),
      run: async (bench) => {
        const drive = await InitiatorDrive.start(bench, model);
        await drive.run(way, event);
      },
    }));

  /** The machine does not tell a dial from one that was greeted; both are tried. */
  function greetedToo(edge: Edge<InitiatorStep>): readonly Edge<InitiatorStep>[] {
    const greeted = model.events.find(({ type }) => type === 'dialled') as InitiatorStep;
    const way = withGreeting(edge.way, greeted);
    const { at, event } = edge;
    if (!at.startsWith('unauthenticated dialling') || event.type === 'dialled') return [{ at, way, event }];
    const after = { at: `${at} greeted`, way: [...way, greeted], event };
    return event.type === 'hello-taken' ? [after] : [{ at, way, event }, after];
  }
}

/** HELLO follows a greeting, always. */
function withGreeting(way: readonly InitiatorStep[], greeted: InitiatorStep): readonly InitiatorStep[] {
  return way.flatMap((event, index) =>
    event.type === 'hello-taken' && way[index - 1]?.type !== 'dialled' ? [greeted, event] : [event],
  );
}

export function responderCases(target: Target): readonly Case[] {
  const model = responderModel(target);
  return edgesOf(model).map(({ at, way, event }) => ({
    id: id('responder', at, event.label),
    title: `${event.label} at a responder: ${at}`,
    section: sectionOf(event.type),
    run: async (bench) => {
      const drive = await ResponderDrive.start(bench, model);
      await drive.run(way, event);
    },
  }));
}
