import { parseAnswerLine } from '../../../machines/protocol/answers.ts';
import { command } from '../cli/command.ts';
import type { CommandIo } from '../cli/command-io.ts';
import { microseconds } from '../cli/units.ts';
import { ANSWER_TIME, connect } from '../client/connect.ts';
import { type Conversation, Refused } from '../client/conversation.ts';
import { withHint } from '../client/hints.ts';
import { readSettings } from '../client/settings.ts';
import { toJson } from '../client/values.ts';
import { lineWord } from '../client/words.ts';
import { PING } from '../usage/frames.ts';

/** `vnet ping ID`: exit statuses are those of ping(8). */
export const ping = command(PING, async ({ values, positionals }, around) => {
  const id = lineWord(positionals[0] ?? '');
  const conversation = await connect(await readSettings(values, around));
  try {
    conversation.say(`PING? ${id} count=${values.count}`);
    const fields = await follow(conversation, values.json === true, around);
    await conversation.done();
    const [sent, received] = [Number(fields.sent), Number(fields.received)];
    if (values.json) around.out(toJson({ handler: id, ...numbers(fields) }));
    else around.out(summary(sent, received, fields));
    if (received === 0) return 2;
    return received < sent ? 1 : 0;
  } catch (error) {
    if (error instanceof Refused) return refused(error, around);
    throw withHint(error);
  } finally {
    conversation.close();
  }
});

/** As ping(8) has it: 2 is what is neither some nor none. */
function refused(error: Refused, around: CommandIo): number {
  const { message, next } = withHint(error) as { message: string; next?: string };
  around.err(`${message}\n${next === undefined ? '' : `${next}\n`}`);
  return 2;
}

async function follow(
  conversation: Conversation,
  json: boolean,
  around: CommandIo,
): Promise<Readonly<Record<string, string>>> {
  for (;;) {
    const line = await conversation.next(ANSWER_TIME);
    if (line === undefined) throw conversation.cutShort();
    const answer = parseAnswerLine(line);
    if (answer.kind === 'err') throw new Refused(line, answer.reason);
    if (answer.kind === 'ok') return answer.fields;
    const { wire = '?', rtt_us: micros } = answer.fields;
    const took = micros === undefined ? 'lost' : microseconds(Number(micros));
    if (!json) around.out(`wire ${wire}: ${took}\n`);
  }
}

function summary(sent: number, received: number, fields: Readonly<Record<string, string>>): string {
  if (sent === 0) return 'The Handler has no wire now: nothing was sent.\n';
  const time = (text: string | undefined) => microseconds(Number(text));
  const times =
    received === 0
      ? ''
      : `; shortest ${time(fields.min_us)}, median ${time(fields.median_us)}, longest ${time(fields.max_us)}`;
  return `${received} of ${sent} came back${times}\n`;
}

function numbers(fields: Readonly<Record<string, string>>): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, value === '-' ? null : Number(value)]),
  );
}
