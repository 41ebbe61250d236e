import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { renderDevices } from '../client/render.ts';
import { request } from '../client/request.ts';
import { CLIENT_HELP, CLIENT_OPTIONS } from '../client/settings.ts';
import { record, toJson } from '../client/values.ts';

const HELP = `Usage: vnet devices [--server URL] [--json] [credentials]

Lists the network interfaces of a server's machine: what can stand as <local_device> or <remote_device>
in \`vnet handle\`. BACKENDS are the ways to open it (the first is taken when you give the name alone).
LOCAL says whether what is put there reaches that machine's own protocol stack: a captured interface is
a way to the machines beyond it; tap:NAME?bridge=BR reaches both.

${CLIENT_HELP}`;

/** `vnet devices`. */
export const devices = command('devices', HELP, async (args, around) => {
  const { values } = parseArgs({ args: [...args], options: CLIENT_OPTIONS });
  const { data } = await request(values, 'DEVICES?', around);
  around.out(
    values.json ? toJson(data.map((line) => record('name', line))) : renderDevices(data, around.columns),
  );
  return 0;
});
