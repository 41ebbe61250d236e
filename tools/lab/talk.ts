import type { Lab } from './lab.ts';

/** The answer to one request: its data lines, and its last line, which begins `OK` or `ERR`. */
export interface Answer {
  readonly data: readonly string[];
  readonly last: string;
}

const isLast = (line: string): boolean => /^(OK|ERR)\b/.test(line);

/** Splits what a server sent into the greeting and one answer a request. */
export function answersIn(text: string): Answer[] {
  const answers: Answer[] = [];
  let data: string[] = [];
  for (const line of text.split('\n').filter(Boolean)) {
    if (isLast(line)) {
      answers.push({ data, last: line });
      data = [];
    } else data.push(line);
  }
  return answers;
}

/** The `key=value` tokens of a line, quotes taken off. */
export function valuesOf(line: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [, key = '', value = ''] of line.matchAll(/(?:^|\s)([\w-]+)=("(?:[^"\\]|\\.)*"|\S*)/g)) {
    values[key] = value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
  }
  return values;
}

/** Words that a server's greeting names as its features; none from one that names none. */
export function featuresIn(greeting: string): string[] {
  return (valuesOf(greeting).features ?? '').split(',').filter(Boolean);
}

/** A listener of a server: an address in its namespace, or a unix socket. */
export type Where = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * Talks to a server as a person does with `nc -N`: all lines at once, then reads until the server closes.
 * @returns one answer for each line, the greeting left out. @throws Error when there are fewer answers than lines
 */
export async function talk(
  lab: Lab,
  ns: string,
  where: Where,
  lines: readonly string[],
  timeout = 30_000,
): Promise<Answer[]> {
  return (await converse(lab, ns, where, lines, timeout)).slice(1);
}

/** The line with which a server greets. @throws Error when there is none */
export async function greetingOf(lab: Lab, ns: string, where: Where): Promise<string> {
  const [greeting] = await converse(lab, ns, where, ['DONE'], 30_000);
  return greeting.last;
}

async function converse(
  lab: Lab,
  ns: string,
  where: Where,
  lines: readonly string[],
  timeout: number,
): Promise<[greeting: Answer, ...answers: Answer[]]> {
  const listener = 'path' in where ? ['-U', where.path] : [where.host, String(where.port)];
  const input = lines.map((line) => `${line}\n`).join('');
  const { stdout } = await lab.run(ns, ['nc', '-N', ...listener], { input, timeout, anyStatus: true });
  const [greeting, ...answers] = answersIn(stdout);
  if (greeting === undefined) throw new Error(`no server at ${listener.at(-1)} in ${ns}`);
  if (answers.length < lines.length) {
    throw new Error(`${lines.length} lines got ${answers.length} answers:\n${stdout}`);
  }
  return [greeting, ...answers];
}
