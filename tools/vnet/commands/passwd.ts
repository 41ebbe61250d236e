import { formatPasswordLine } from '../../../io/auth/password-file.ts';
import { secretProblem } from '../../../io/auth/private-file.ts';
import { hashSecret } from '../../../io/auth/scrypt.ts';
import { command } from '../cli/command.ts';
import { Failure } from '../cli/failures.ts';
import { readNewSecret } from '../cli/secret-input.ts';
import { readIdentity } from '../client/settings.ts';
import { PASSWD } from '../usage/server.ts';

/** `vnet passwd [IDENTITY]`. */
export const passwd = command(PASSWD, async ({ positionals }, around) => {
  const who = readIdentity(positionals[0], 'identity');
  const secret = await readNewSecret((text) => around.err(text));
  const problem = secretProblem(secret);
  if (problem !== undefined) throw new Failure(1, `The password ${problem}.`);
  around.out(`${formatPasswordLine(who, await hashSecret(secret))}\n`);
  return 0;
});
