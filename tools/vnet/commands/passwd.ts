import { parseArgs } from 'node:util';
import { formatPasswordLine } from '../../../io/auth/password-file.ts';
import { secretProblem } from '../../../io/auth/private-file.ts';
import { hashSecret } from '../../../io/auth/scrypt.ts';
import { command } from '../cli/command.ts';
import { Failure, UsageError } from '../cli/failures.ts';
import { readNewSecret } from '../cli/secret-input.ts';
import { readIdentity } from '../client/settings.ts';

const HELP = `Usage: vnet passwd [IDENTITY]

Reads a password from standard input and prints a line for the server's --password-file: the identity
(default: default) and a scrypt hash. The password itself cannot be had back from it. At a terminal it is
asked for twice and not shown; from a pipe it is the one line that comes.

  vnet passwd alice >> passwords && chmod 600 passwords
  vnet serve --password-file passwords …

  --help   this text

Exit status: 0 done, 1 the password cannot be one, 2 wrong usage.
`;

/** `vnet passwd [IDENTITY]`. */
export const passwd = command('passwd', HELP, async (args, around) => {
  const { positionals } = parseArgs({ args: [...args], options: {}, allowPositionals: true });
  const [identity, ...more] = positionals;
  if (more.length > 0) {
    throw new UsageError(
      'it takes one argument at most, the identity; the password comes from standard input',
    );
  }
  const who = readIdentity(identity, 'identity');
  const secret = await readNewSecret((text) => around.err(text));
  const problem = secretProblem(secret);
  if (problem !== undefined) throw new Failure(1, `The password ${problem}.`);
  around.out(`${formatPasswordLine(who, await hashSecret(secret))}\n`);
  return 0;
});
