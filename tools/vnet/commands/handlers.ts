import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { renderHandlers } from '../client/render.ts';
import { request } from '../client/request.ts';
import { CLIENT_HELP, CLIENT_OPTIONS } from '../client/settings.ts';
import { record, toJson } from '../client/values.ts';

const HELP = `Usage: vnet handlers [--server URL] [--json] [credentials]

Lists the Handlers that stand on a server. RX is what came from the peer onto the device here, TX what
went from the device here to the peer. STATE binary means that frames flow; unauthenticated,
authenticated and handling that it is being dialled (again), or waits for the other end to do so.
--json has every value in full.

${CLIENT_HELP}`;

/** `vnet handlers`. */
export const handlers = command('handlers', HELP, async (args, around) => {
  const { values } = parseArgs({ args: [...args], options: CLIENT_OPTIONS });
  const { data } = await request(values, 'HANDLERS?', around);
  around.out(
    values.json ? toJson(data.map((line) => record('id', line))) : renderHandlers(data, around.columns),
  );
  return 0;
});
