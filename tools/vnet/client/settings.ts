/** Where a client goes, and how it says who it is: the options that all client commands have. */
import { parseLinkUrl } from '../../../io/net/address.ts';
import type { CommandIo } from '../cli/command-io.ts';
import type { Values } from '../cli/declaration.ts';
import { orFail, UsageError } from '../cli/failures.ts';
import type { CLIENT_OPTIONS } from '../usage/client.ts';

/** What the command line said. */
export type ClientValues = Values<typeof CLIENT_OPTIONS>;

export const DEFAULT_SERVER = 'tcp://127.0.0.1:7411';

/** How to say HELLO. */
export type Login =
  | { readonly method: 'password'; readonly identity: string; readonly secret: string }
  | { readonly method: 'cert'; readonly cert: string; readonly key: string }
  | { readonly method: 'local' };

export interface ClientSettings {
  readonly server: string;
  readonly login: Login;
  /** Files that say which servers are believed. */
  readonly ca?: string;
  readonly authorized?: string;
  readonly allowPlaintext: boolean;
  /** What names the server on the command line, for messages; undefined: --server. */
  readonly option?: '--far';
}

/**
 * Reads the options, and the secret from its file or the environment.
 * @throws UsageError for options that do not go together, Failure for a file that cannot be used
 */
export async function readSettings(
  values: ClientValues,
  around: CommandIo,
  option: '--server' | '--far' = '--server',
): Promise<ClientSettings> {
  const server = values.server ?? (around.env.VNET_SERVER || DEFAULT_SERVER);
  const scheme = schemeOf(server, option);
  const login = await readLogin(values, scheme, around);
  return {
    server,
    login,
    allowPlaintext: values['allow-plaintext'] ?? false,
    ...(option === '--far' ? { option } : {}),
    ...(values.ca === undefined ? {} : { ca: values.ca }),
    ...(values.authorized === undefined ? {} : { authorized: values.authorized }),
  };
}

function schemeOf(server: string, option: string): 'tcp' | 'tls' | 'unix' {
  try {
    return parseLinkUrl(server).scheme;
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
}

async function readLogin(
  values: ClientValues,
  scheme: 'tcp' | 'tls' | 'unix',
  { env }: CommandIo,
): Promise<Login> {
  const { cert, key, identity } = values;
  const file = values['password-file'];
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError('--cert and --key go together: the certificate and its private key');
  }
  if (cert !== undefined && key !== undefined) {
    if (scheme !== 'tls')
      throw new UsageError('a certificate is good on tls:// only; the server is not tls://');
    if (file !== undefined) throw new UsageError('give --password-file or --cert and --key, not both');
    if (identity !== undefined) {
      throw new UsageError('--identity goes with a password; with --cert the certificate says who you are');
    }
    return { method: 'cert', cert, key };
  }
  if (file === undefined && scheme === 'unix') return { method: 'local' };
  const secret = await readSecret(file, env.VNET_PASSWORD, '--password-file', 'VNET_PASSWORD');
  if (secret === undefined) throw new UsageError(noCredentials(scheme));
  return { method: 'password', identity: readIdentity(identity, '--identity'), secret };
}

function noCredentials(scheme: string): string {
  const certificate = scheme === 'tls' ? ', or --cert F --key F' : '';
  return `who are you? Give --password-file F or set VNET_PASSWORD${certificate}`;
}

/** @throws UsageError when it cannot be an identity */
export function readIdentity(text: string | undefined, option: string): string {
  if (text === undefined) return 'default';
  if (/^[A-Za-z0-9._-]{1,64}$/.test(text)) return text;
  throw new UsageError(
    `${option} "${text}": an identity is 1 to 64 letters, digits, dots, underscores and hyphens`,
  );
}

/**
 * A secret from its file, else from a variable of the environment; undefined when there is neither.
 * @throws Failure (2) when the file cannot be used, UsageError when the variable cannot
 */
export async function readSecret(
  file: string | undefined,
  variable: string | undefined,
  option: string,
  variableName: string,
): Promise<string | undefined> {
  const { readSecretFile } = await import('../../../io/auth/private-file.ts');
  const { secretProblem } = await import('../../../io/auth/secret.ts');
  if (file !== undefined)
    return orFail(2, () => readSecretFile(file), `${option} takes a file that holds the password alone.`);
  if (variable === undefined || variable === '') return undefined;
  const problem = secretProblem(variable);
  if (problem !== undefined) throw new UsageError(`the password in ${variableName} ${problem}`);
  return variable;
}
