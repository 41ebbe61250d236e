import { command } from '../cli/command.ts';
import { renderHandlers } from '../client/render.ts';
import { request } from '../client/request.ts';
import { record, toJson } from '../client/values.ts';
import { HANDLERS } from '../usage/client.ts';

/** `vnet handlers`. */
export const handlers = command(HANDLERS, async ({ values }, around) => {
  const { data } = await request(values, 'HANDLERS?', around);
  around.out(
    values.json ? toJson(data.map((line) => record('id', line))) : renderHandlers(data, around.columns),
  );
  return 0;
});
