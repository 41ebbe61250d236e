import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { Failure, UsageError } from '../cli/failures.ts';
import { readIdentity } from '../client/settings.ts';

const HELP = `Usage: vnet keygen DIR [--name NAME]

Writes DIR/NAME.key (a private key, mode 0600) and DIR/NAME.crt (a certificate for it, signed by itself,
good for ten years), and prints the line NAME sha256:… that belongs into the --authorized file of the
other side. Files that are there already stay as they are.

  --name NAME   who it is for; also the identity that it gives (default: the name of this machine)
  --help        this text

Then: vnet serve --listen tls://… --cert DIR/NAME.crt --key DIR/NAME.key --authorized FILE
The line lets NAME come as a client; with server=HOST behind it, it may also answer as that server.

Exit status: 0 done, 1 the files could not be written, 2 wrong usage.
`;

/** `vnet keygen DIR`. */
export const keygen = command('keygen', HELP, async (args, around) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { name: { type: 'string' } },
    allowPositionals: true,
  });
  const [dir, ...more] = positionals;
  if (dir === undefined || dir === '' || more.length > 0) {
    throw new UsageError('it takes one argument, the directory for the two files');
  }
  const name = readIdentity(values.name ?? hostname(), '--name');
  const certificates = await import('../../../io/auth/certificates.ts');
  try {
    const made = await certificates.keygen(dir, name);
    around.out(`${made.line}\n`);
    if (around.attended) around.err(`Wrote ${made.keyFile} (keep it to yourself) and ${made.certFile}.\n`);
    return 0;
  } catch (error) {
    throw new Failure(1, `vnet keygen: ${(error as Error).message}`);
  }
});
