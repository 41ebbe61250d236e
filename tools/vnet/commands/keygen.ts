import { hostname } from 'node:os';
import { fileProblem } from '../../../io/file-problem.ts';
import { command } from '../cli/command.ts';
import { Failure, UsageError } from '../cli/failures.ts';
import { readIdentity } from '../client/settings.ts';
import { KEYGEN } from '../usage/server.ts';

/** `vnet keygen DIR`. */
export const keygen = command(KEYGEN, async ({ values, positionals }, around) => {
  const [dir = ''] = positionals;
  if (dir === '') throw new UsageError('the directory for the two files has an empty name');
  const name = readIdentity(values.name ?? hostname(), '--name');
  const certificates = await import('../../../io/auth/certificates.ts');
  try {
    const make = values.renew ? certificates.renewCertificate : certificates.keygen;
    const made = await make(dir, name);
    around.out(`${values.spki ? made.publicKeyLine : made.line}\n`);
    if (around.attended) {
      const key = values.renew ? '' : `${made.keyFile} (keep it to yourself) and `;
      around.err(`Wrote ${key}${made.certFile}.\n`);
    }
    return 0;
  } catch (error) {
    throw new Failure(1, `vnet keygen: ${fileProblem(error) ?? (error as Error).message}`);
  }
});
