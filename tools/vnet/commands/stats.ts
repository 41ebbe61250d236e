import { parseArgs } from 'node:util';
import { formatForHandler } from '../../../machines/protocol/format.ts';
import { command } from '../cli/command.ts';
import { renderStats } from '../client/render.ts';
import { request } from '../client/request.ts';
import { CLIENT_HELP, CLIENT_OPTIONS } from '../client/settings.ts';
import { dictionary, toJson } from '../client/values.ts';
import { onlyHandler } from '../client/words.ts';

const HELP = `Usage: vnet stats <handler> [--server URL] [--json] [credentials]

All counters of a Handler: frames and bytes each way (rx from the peer, tx to the peer), and how many
frames were dropped for which reason. \`vnet handlers\` lists the ids.

${CLIENT_HELP}`;

/** `vnet stats ID`. */
export const stats = command('stats', HELP, async (args, around) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: CLIENT_OPTIONS,
    allowPositionals: true,
  });
  const id = onlyHandler(positionals);
  const { data } = await request(values, formatForHandler('STATS?', id), around);
  around.out(values.json ? toJson({ handler: id, ...dictionary(data) }) : renderStats(data));
  return 0;
});
