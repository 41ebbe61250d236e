import type { CommandIo } from '../cli/command-io.ts';
import { ANSWER_TIME, connect } from './connect.ts';
import type { Reply } from './conversation.ts';
import { withHint } from './hints.ts';
import { type ClientValues, readSettings } from './settings.ts';

/**
 * One command, from connection to DONE.
 * @throws Failure, UsageError
 */
export async function request(values: ClientValues, line: string, around: CommandIo): Promise<Reply> {
  const conversation = await connect(await readSettings(values, around));
  try {
    const reply = await conversation.ask(line, ANSWER_TIME);
    await conversation.done();
    return reply;
  } catch (error) {
    throw withHint(error);
  } finally {
    conversation.close();
  }
}
