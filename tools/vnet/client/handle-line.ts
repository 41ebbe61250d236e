/** The HANDLE line that a command line asks for. */
import { formatAuth } from '../../../machines/protocol/auth.ts';
import { looksLikeOption } from '../../../machines/protocol/options.ts';
import { MAX_LINE } from '../../../machines/protocol/splitter.ts';
import type { CommandIo } from '../cli/command-io.ts';
import { UsageError } from '../cli/failures.ts';
import { readIdentity, readSecret } from './settings.ts';
import { lineWord } from './words.ts';

export interface RemoteValues {
  readonly 'remote-identity'?: string | undefined;
  readonly 'remote-password-file'?: string | undefined;
  readonly 'remote-cert'?: boolean | undefined;
}

const NAMES = ['remote', 'local_device', 'remote_device', 'local_config', 'remote_config', 'mac'];
const EXAMPLE = 'vnet handle tls://198.51.100.2:7411 eth0 vm0 PROXY HOST 52:54:00:12:34:56 --remote-cert';

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
  const missing = NAMES.slice(positionals.length);
  if (missing.length > 0 || looksLikeOption(positionals[5] ?? '')) {
    const what = missing.length > 0 ? missing.map((name) => `<${name}>`).join(' ') : '<mac>';
    throw new UsageError(`${what} is missing, as in: ${EXAMPLE}`);
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
