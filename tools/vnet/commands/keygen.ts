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
    const made = await certificates.keygen(dir, name);
    around.out(`${made.line}\n`);
    if (around.attended) around.err(`Wrote ${made.keyFile} (keep it to yourself) and ${made.certFile}.\n`);
    return 0;
  } catch (error) {
    throw new Failure(1, `vnet keygen: ${fileProblem(error) ?? (error as Error).message}`);
  }
});
