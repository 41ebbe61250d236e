import { setTimeout as delay } from 'node:timers/promises';
import { command } from '../cli/command.ts';
import type { CommandIo } from '../cli/command-io.ts';
import { interrupted } from '../cli/interrupt.ts';
import { grouped, moment } from '../cli/units.ts';
import { ANSWER_TIME, connect } from '../client/connect.ts';
import type { DataAnswer } from '../client/conversation.ts';
import { withHint } from '../client/hints.ts';
import { readSettings } from '../client/settings.ts';
import { record, toJson } from '../client/values.ts';
import { lineWord } from '../client/words.ts';
import { DROPS } from '../usage/frames.ts';

const EVERY_MS = 1_000;

/** `vnet drops [ID]`. */
export const drops = command(DROPS, async ({ values, positionals }, around) => {
  const line = ['DROPS?', ...positionals.map(lineWord)].join(' ');
  const conversation = await connect(await readSettings(values, around));
  const stop = interrupted();
  try {
    let shown: readonly string[] = [];
    let told: number | undefined;
    do {
      const { data, last } = await conversation.ask(line, ANSWER_TIME);
      const missed = Number(last.fields.missed);
      const fresh = newer(shown, data);
      shown = data.map(keyOf);
      show(fresh, values.json === true, values.follow === true, around);
      if (values.follow !== true) tellMissed(missed, data.length, values.json === true, around);
      else {
        const all = missed + data.length;
        tellLeftOut(all - (told ?? all - fresh.length) - fresh.length, values.json === true, around);
        told = all;
        await delay(EVERY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    } while (values.follow === true && !stop.signal.aborted);
    await conversation.done();
    return 0;
  } catch (error) {
    throw withHint(error);
  } finally {
    stop.forget();
    conversation.close();
  }
});

const keyOf = ({ fields }: DataAnswer): string => JSON.stringify(fields);

/** What stands behind the last one that was shown; all of it when that is gone. Drops come in order. */
function newer(shown: readonly string[], data: readonly DataAnswer[]): readonly DataAnswer[] {
  const last = shown.at(-1);
  if (last === undefined) return data;
  const before = shown.filter((key) => key === last).length;
  let seen = 0;
  for (let i = data.length - 1; i >= 0; i--) {
    if (keyOf(data[i]!) !== last) continue;
    // Drops that are the same to the millisecond: as many of them as were shown.
    seen = data.slice(0, i + 1).filter((one) => keyOf(one) === last).length;
    return data.slice(i + 1 - Math.max(0, seen - before));
  }
  return data;
}

function show(data: readonly DataAnswer[], json: boolean, follow: boolean, around: CommandIo): void {
  const objects = () => data.map((one) => withoutName(record('drop', one)));
  if (json && follow) for (const one of objects()) around.out(`${JSON.stringify(one)}\n`);
  else if (json) around.out(toJson(objects()));
  else for (const { fields } of data) around.out(dropText(fields));
}

function withoutName({ drop: _, ...rest }: ReturnType<typeof record>): ReturnType<typeof record> {
  return rest;
}

function dropText(f: Readonly<Record<string, string>>): string {
  const tag = f.vlan === '-' ? '' : ` vlan ${f.vlan}`;
  const what = f.info === '' ? f.type : f.info;
  return `${moment(f.time ?? '')}  ${f.handler?.slice(0, 8)}  ${f.direction} ${f.reason}  ${f.source} > ${f.destination}${tag} ${what}, ${f.length} bytes\n`;
}

/** Those since the last look of which the server keeps too few. */
function tellLeftOut(count: number, json: boolean, around: CommandIo): void {
  if (!(count > 0)) return;
  around.out(
    json
      ? `${JSON.stringify({ missed: count })}\n`
      : `… ${grouped(count)} more were dropped and are not kept\n`,
  );
}

function tellMissed(missed: number, shown: number, json: boolean, around: CommandIo): void {
  if (json) return;
  if (shown === 0 && !(missed > 0))
    around.out('Nothing was dropped. What a role does not ask for is told by `vnet trace`.\n');
  if (missed > 0)
    around.out(`${grouped(missed)} more were dropped and are not kept; \`vnet stats\` counts them all.\n`);
}
