import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { renderStatus } from '../client/render.ts';
import { request } from '../client/request.ts';
import { CLIENT_HELP, CLIENT_OPTIONS } from '../client/settings.ts';
import { dictionary, toJson } from '../client/values.ts';

const HELP = `Usage: vnet status [--server URL] [--json] [credentials]

How a server does: its version, how long it runs, sessions and Handlers, where its event log stands and
whether it can be written.

${CLIENT_HELP}`;

/** `vnet status`. */
export const status = command('status', HELP, async (args, around) => {
  const { values } = parseArgs({ args: [...args], options: CLIENT_OPTIONS });
  const { data } = await request(values, 'STATUS?', around);
  around.out(values.json ? toJson(dictionary(data)) : renderStatus(data));
  return 0;
});
