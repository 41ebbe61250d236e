/** The two servers of a Handler, as commands with --far talk to them. */
import type { CommandIo } from '../cli/command-io.ts';
import type { Values } from '../cli/declaration.ts';
import { connect } from '../client/connect.ts';
import type { Conversation } from '../client/conversation.ts';
import { withHint } from '../client/hints.ts';
import { type ClientSettings, readSettings } from '../client/settings.ts';
import type { DOCTOR } from '../usage/frames.ts';

export type FarValues = Omit<Values<typeof DOCTOR.options>, 'bundle' | 'log'>;

/**
 * What is asked of the server, and of the one that --far names; the connections end with it.
 * @throws UsageError, Failure
 */
export async function withSides<T>(
  values: FarValues,
  around: CommandIo,
  work: (near: Conversation, far: Conversation | undefined) => Promise<T>,
): Promise<T> {
  const there = await farSettings(values, around);
  const near = await connect(await readSettings(values, around));
  let far: Conversation | undefined;
  try {
    if (there !== undefined) far = await connect(there);
    const result = await work(near, far);
    await Promise.all([near.done(), far?.done()]);
    return result;
  } catch (error) {
    throw withHint(error);
  } finally {
    near.close();
    far?.close();
  }
}

/** Of the server that --far names; undefined without it. @throws UsageError, Failure */
export async function farSettings(values: FarValues, around: CommandIo): Promise<ClientSettings | undefined> {
  const { far, 'far-password-file': file, 'far-identity': identity } = values;
  if (far === undefined) return undefined;
  const secret = around.env.VNET_FAR_PASSWORD;
  const own = file !== undefined || Boolean(secret);
  const there = {
    ...values,
    server: far,
    'password-file': own ? file : values['password-file'],
    identity: identity ?? values.identity,
    // What may go to the other one in the clear is no word about this one.
    'allow-plaintext': values['far-allow-plaintext'],
    // A certificate says who one is on tls:// only, and where no password was given for there.
    ...(far.startsWith('tls:') && !own ? {} : { cert: undefined, key: undefined }),
  };
  const env = secret ? { ...around.env, VNET_PASSWORD: secret } : around.env;
  return readSettings(there, { ...around, env }, '--far');
}
