/** The two servers of a Handler, as commands with --far talk to them. */
import type { CommandIo } from '../cli/command-io.ts';
import type { Values } from '../cli/declaration.ts';
import { connect } from '../client/connect.ts';
import type { Conversation } from '../client/conversation.ts';
import { readSettings } from '../client/settings.ts';
import type { TRACE } from '../usage/frames.ts';

export type FarValues = Pick<
  Values<typeof TRACE.options>,
  Exclude<keyof Values<typeof TRACE.options>, 'hex' | 'pcap' | 'both'>
>;

/** @throws UsageError, Failure */
export async function connectNear(values: FarValues, around: CommandIo): Promise<Conversation> {
  return connect(await readSettings(values, around));
}

/** The server that --far names; undefined without it. @throws UsageError, Failure */
export async function connectFar(values: FarValues, around: CommandIo): Promise<Conversation | undefined> {
  const { far, 'far-password-file': file, 'far-identity': identity } = values;
  if (far === undefined) return undefined;
  const secret = around.env.VNET_FAR_PASSWORD;
  const there = {
    ...values,
    server: far,
    'password-file': file ?? (secret ? undefined : values['password-file']),
    identity: identity ?? values.identity,
    // A certificate says who one is on tls:// only.
    ...(far.startsWith('tls:') ? {} : { cert: undefined, key: undefined }),
  };
  const env = secret ? { ...around.env, VNET_PASSWORD: secret } : around.env;
  return connect(await readSettings(there, { ...around, env }));
}
