/** The HANDLE line that a command line asks for. */
import { formatAuth } from '../../../machines/protocol/auth.ts';
import { looksLikeOption } from '../../../machines/protocol/options.ts';
import { MAX_LINE } from '../../../machines/protocol/splitter.ts';
import type { CommandIo } from '../cli/command-io.ts';
import type { Values } from '../cli/declaration.ts';
import { UsageError } from '../cli/failures.ts';
import { type HANDLE, HANDLE_EXAMPLE } from '../usage/client.ts';
import { readIdentity, readSecret } from './settings.ts';
import { lineWord } from './words.ts';

export type RemoteValues = Pick<
  Values<typeof HANDLE.options>,
  'remote-identity' | 'remote-password-file' | 'remote-cert'
>;

/**
 * Whether the words are right in themselves is for the server to say; here they only have to be there.
 * @returns the line, without LF; it may hold a secret
 * @throws UsageError, Failure
 */
export async function handleLine(
  positionals: readonly string[],
  values: RemoteValues,
  around: CommandIo,
): Promise<string> {
  if (looksLikeOption(positionals[5] ?? '')) {
    throw new UsageError(`<mac> is missing, as in: ${HANDLE_EXAMPLE}`);
  }
  const [remote = '', ...others] = positionals;
  const auth = await remoteAuth(remote, values, around);
  const line = ['HANDLE', lineWord(remote), auth, ...others.map(lineWord)].join(' ');
  if (Buffer.byteLength(line) < MAX_LINE) return line;
  throw new UsageError(`so many MAC addresses make a line of more than ${MAX_LINE} bytes; open two Handlers`);
}

/** The word that says how the server here says HELLO at the remote one. */
async function remoteAuth(remote: string, values: RemoteValues, { env }: CommandIo): Promise<string> {
  const { 'remote-cert': cert, 'remote-password-file': file, 'remote-identity': identity } = values;
  if (cert) {
    if (file === undefined && identity === undefined) return formatAuth({ kind: 'cert' });
    throw new UsageError('--remote-cert goes with neither --remote-password-file nor --remote-identity');
  }
  const secret = await readSecret(
    file,
    env.VNET_REMOTE_PASSWORD,
    '--remote-password-file',
    'VNET_REMOTE_PASSWORD',
  );
  if (secret !== undefined) {
    const who = readIdentity(identity, '--remote-identity');
    return formatAuth({ kind: 'password', identity: who, secret }, secret);
  }
  if (identity !== undefined) {
    throw new UsageError(
      '--remote-identity needs its password: --remote-password-file F or VNET_REMOTE_PASSWORD',
    );
  }
  if (/^peer:/.test(remote)) return formatAuth({ kind: 'peer-entry' });
  throw new UsageError(
    'how is the server to say who it is at the remote one? Give --remote-cert, --remote-password-file F or VNET_REMOTE_PASSWORD; only peer:NAME needs none',
  );
}
