import { command } from '../cli/command.ts';
import { renderStatus } from '../client/render.ts';
import { request } from '../client/request.ts';
import { dictionary, toJson } from '../client/values.ts';
import { STATUS } from '../usage/client.ts';

/** `vnet status`. */
export const status = command(STATUS, async ({ values }, around) => {
  const { data } = await request(values, 'STATUS?', around);
  around.out(values.json ? toJson(dictionary(data)) : renderStatus(data));
  return 0;
});
