import { formatPasswordLine } from '../../../io/auth/password-file.ts';
import { hashSecret } from '../../../io/auth/scrypt.ts';
import { normalSecret, secretProblem } from '../../../io/auth/secret.ts';
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
  around.out(`${formatPasswordLine(who, await hashSecret(normalSecret(secret)))}\n`);
  return 0;
});
