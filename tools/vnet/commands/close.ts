import { parseArgs } from 'node:util';
import { formatForHandler } from '../../../machines/protocol/format.ts';
import { command } from '../cli/command.ts';
import { request } from '../client/request.ts';
import { CLIENT_HELP, CLIENT_OPTIONS } from '../client/settings.ts';
import { toJson } from '../client/values.ts';
import { onlyHandler } from '../client/words.ts';

const HELP = `Usage: vnet close <handler> [--server URL] [--json] [credentials]

Closes a Handler for good. Good at either of its two servers, and in every state; the other server is
told, or learns it when it dials again. \`vnet handlers\` lists the ids.

${CLIENT_HELP}`;

/** `vnet close ID`. */
export const close = command('close', HELP, async (args, around) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: CLIENT_OPTIONS,
    allowPositionals: true,
  });
  const id = onlyHandler(positionals);
  await request(values, formatForHandler('CLOSE', id), around);
  around.out(values.json ? toJson({ handler: id, closed: true }) : `Handler ${id} is closed.\n`);
  return 0;
});
