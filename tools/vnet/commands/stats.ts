import { formatForHandler } from '../../../machines/protocol/format.ts';
import { command } from '../cli/command.ts';
import { renderStats } from '../client/render.ts';
import { request } from '../client/request.ts';
import { dictionary, toJson } from '../client/values.ts';
import { lineWord } from '../client/words.ts';
import { STATS } from '../usage/client.ts';

/** `vnet stats ID`. */
export const stats = command(STATS, async ({ values, positionals }, around) => {
  const id = lineWord(positionals[0] ?? '');
  const { data } = await request(values, formatForHandler('STATS?', id), around);
  around.out(values.json ? toJson({ handler: id, ...dictionary(data) }) : renderStats(data));
  return 0;
});
