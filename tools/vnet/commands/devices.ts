import { command } from '../cli/command.ts';
import { renderDevices } from '../client/render.ts';
import { request } from '../client/request.ts';
import { record, toJson } from '../client/values.ts';
import { DEVICES } from '../usage/client.ts';

/** `vnet devices`. */
export const devices = command(DEVICES, async ({ values }, around) => {
  const { data } = await request(values, 'DEVICES?', around);
  around.out(
    values.json ? toJson(data.map((line) => record('name', line))) : renderDevices(data, around.columns),
  );
  return 0;
});
