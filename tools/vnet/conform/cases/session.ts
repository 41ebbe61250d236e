/** Cases of the Session machine: every command and every happening, in every state that it can come in. */
import type { Case } from '../case.ts';
import { SessionDrive } from '../drive/session.ts';
import { edgesOf } from '../model/graph.ts';
import { type SessionStep, sessionModel } from '../model/session.ts';
import { LINES } from '../model/session-lines.ts';
import type { Target } from '../target.ts';

const SECTIONS: Readonly<Record<string, string>> = Object.fromEntries(
  LINES.map(({ label, section }) => [label, section]),
);

const sectionOf = ({ label, type }: SessionStep): string =>
  SECTIONS[label] ?? (type === 'HELLO' || type === 'empty-line' ? '3' : '4');

/** @param methods of HELLO that the greeting offers */
export function sessionCases(target: Target, methods: readonly string[]): readonly Case[] {
  const model = sessionModel(target, methods);
  return edgesOf(model).map(({ at, way, event }) => ({
    id: `session/${at.replaceAll(' ', '-')}/${event.label}`,
    title: `${event.label} in ${at}`,
    section: sectionOf(event),
    /** Wrong secrets make the server slower for the rest of the minute: they come last. */
    late: [...way, event].some(({ type }) => type === 'rejected'),
    run: async (bench) => {
      const drive = await SessionDrive.start(bench, model);
      await drive.run(way, event);
    },
  }));
}
