/** What only the two servers of a Handler together show: clocks, versions, and Handlers that one has and the other not. */
import type { DataAnswer } from '../client/conversation.ts';

export interface Check {
  readonly subject: string;
  readonly verdict: string;
  readonly text: string;
}

/** What one server said, and when: milliseconds of this machine's clock, in the middle of the question. */
export interface Report {
  readonly server: string;
  readonly asked: number;
  readonly checks: readonly DataAnswer[];
  readonly status: readonly DataAnswer[];
  readonly handlers: readonly DataAnswer[];
}

/** Clocks that differ by more make the records of two logs hard to read beside each other. */
const CLOCK_MS = 1_000;

export function readChecks({ checks }: Report): readonly Check[] {
  return checks.map(({ words: [subject = '', verdict = '', ...text] }) => ({
    subject,
    verdict,
    text: text.join(' '),
  }));
}

export function compareEnds(near: Report, far: Report): readonly Check[] {
  return [clocks(near, far), versions(near, far), ...handlers(near, far)];
}

const statusOf = ({ status }: Report, key: string): string =>
  status
    .find(({ words }) => words[0] === key)
    ?.words.slice(1)
    .join(' ') ?? '';

/** Of the server's clock ahead of this machine's, in milliseconds. */
function ahead(report: Report): number {
  const told = readChecks(report).find(({ subject }) => subject === 'clock')?.text ?? '';
  return Date.parse(told) - report.asked;
}

function clocks(near: Report, far: Report): Check {
  const apart = Math.round(ahead(far) - ahead(near));
  const text = `the clocks are ${Math.abs(apart)} ms apart`;
  if (Math.abs(apart) < CLOCK_MS) return { subject: 'clocks', verdict: 'ok', text };
  const which = apart > 0 ? far.server : near.server;
  return { subject: 'clocks', verdict: 'warn', text: `${text}, ${which} is ahead: have NTP set both` };
}

function versions(near: Report, far: Report): Check {
  const [here, there] = [statusOf(near, 'version'), statusOf(far, 'version')];
  if (here === there) return { subject: 'versions', verdict: 'ok', text: `both are ${here}` };
  return {
    subject: 'versions',
    verdict: 'warn',
    text: `${here} here and ${there} there: they speak to each other, but the older one lacks what is new`,
  };
}

type Fields = DataAnswer['fields'];

function handlers(near: Report, far: Report): Check[] {
  const [ours, theirs] = [byId(near), byId(far)];
  return [
    ...[...ours].map(([id, here]) => {
      const there = theirs.get(id);
      return there === undefined ? alone(id, here, 'here', far) : together(id, here, there);
    }),
    ...[...theirs].filter(([id]) => !ours.has(id)).map(([id, there]) => alone(id, there, 'there', near)),
  ];
}

const byId = ({ handlers }: Report): ReadonlyMap<string, Fields> =>
  new Map(handlers.map(({ words: [id = ''], fields }) => [id, fields]));

/** Of a Handler that the other server does not have. */
function alone(id: string, { state }: Fields, where: 'here' | 'there', { server: other }: Report): Check {
  const subject = `handler:${id}`;
  if (state === 'binary')
    return { subject, verdict: 'ok', text: `stands ${where}, and its other end is not ${other}` };
  const closed = where === 'here' ? 'there' : 'here';
  const text = `${state} ${where}, and ${other} does not have it: it was closed ${closed}, or its server is another one`;
  return { subject, verdict: 'fail', text };
}

function together(id: string, here: Fields, there: Fields): Check {
  const subject = `handler:${id}`;
  const roles = `${here.local_device} as ${here.local_config} here, ${there.local_device} as ${there.local_config} there`;
  if (here.state === 'binary' && there.state === 'binary')
    return { subject, verdict: 'ok', text: `binary at both ends; ${roles}` };
  return { subject, verdict: 'fail', text: `${here.state} here and ${there.state} there; ${roles}` };
}
