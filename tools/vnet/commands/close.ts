import { formatForHandler } from '../../../machines/protocol/format.ts';
import { command } from '../cli/command.ts';
import { request } from '../client/request.ts';
import { toJson } from '../client/values.ts';
import { lineWord } from '../client/words.ts';
import { CLOSE } from '../usage/client.ts';

/** `vnet close ID`. */
export const close = command(CLOSE, async ({ values, positionals }, around) => {
  const id = lineWord(positionals[0] ?? '');
  await request(values, formatForHandler('CLOSE', id), around);
  around.out(values.json ? toJson({ handler: id, closed: true }) : `Handler ${id} is closed.\n`);
  return 0;
});
