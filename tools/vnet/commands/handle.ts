import { command } from '../cli/command.ts';
import { Failure } from '../cli/failures.ts';
import { handleLine } from '../client/handle-line.ts';
import { request } from '../client/request.ts';
import { toJson } from '../client/values.ts';
import { HANDLE } from '../usage/client.ts';

/** `vnet handle …`. */
export const handle = command(HANDLE, async ({ values, positionals }, around) => {
  const line = await handleLine(positionals, values, around);
  const { last } = await request(values, line, around);
  const id = last.fields.handler;
  if (id === undefined)
    throw new Failure(1, 'the server said OK without handler=<id>: is it a VNET/1 server?');
  around.out(values.json ? toJson({ handler: id }) : `${id}\n`);
  if (around.attended && !values.json) {
    around.err(`Frames flow. See \`vnet handlers\`; end it by \`vnet close ${id}\`.\n`);
  }
  return 0;
});
