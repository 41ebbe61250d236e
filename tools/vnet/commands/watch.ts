import { parseAnswerLine } from '../../../machines/protocol/answers.ts';
import { command } from '../cli/command.ts';
import type { CommandIo } from '../cli/command-io.ts';
import { Failure } from '../cli/failures.ts';
import { untilInterrupted } from '../cli/interrupt.ts';
import { ANSWER_TIME, connect } from '../client/connect.ts';
import { type Conversation, Refused } from '../client/conversation.ts';
import { readEvent, type Watched } from '../client/event.ts';
import { withHint } from '../client/hints.ts';
import { readSettings } from '../client/settings.ts';
import { transitionLine } from '../replay/line.ts';
import { WATCH } from '../usage/client.ts';

/** `vnet watch`. */
export const watch = command(WATCH, async ({ values }, around) => {
  const conversation = await connect(await readSettings(values, around));
  try {
    await conversation.ask('WATCH', ANSWER_TIME);
    if (around.attended) around.err(`Watching ${conversation.server}; ^C ends it.\n`);
    const format = values.json ? asJson : asText;
    await untilInterrupted((stop) => follow(conversation, stop, format, around));
    await conversation.done();
    return 0;
  } catch (error) {
    throw withHint(error);
  } finally {
    conversation.close();
  }
});

/** Prints until it is interrupted. @throws Failure (3) when the server goes away */
async function follow(
  conversation: Conversation,
  stop: AbortSignal,
  format: (watched: Watched) => string,
  around: CommandIo,
): Promise<void> {
  stop.addEventListener('abort', () => conversation.interrupt());
  while (!stop.aborted) {
    const line = await conversation.next();
    if (stop.aborted) return;
    if (line === undefined) {
      throw new Failure(3, `The server ${conversation.server} went away; nothing more will come.`);
    }
    const answer = parseAnswerLine(line);
    if (answer.kind === 'err') throw new Refused(line, answer.reason);
    const watched = answer.kind === 'data' ? readEvent(answer) : undefined;
    if (watched !== undefined && !around.out(`${format(watched)}\n`)) await around.drained();
  }
}

function asText(watched: Watched): string {
  return watched.kind === 'missed'
    ? `… ${watched.count} records were left out: this end read too slowly`
    : transitionLine(watched.shown);
}

function asJson(watched: Watched): string {
  return JSON.stringify(watched.kind === 'missed' ? { missed: watched.count } : watched.shown);
}
