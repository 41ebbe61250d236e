/** `vnet serve`: the server daemon, put together from its parts. */

import { standardErrorLog } from '../../../io/diagnostics.ts';
import { assemble, StartError } from '../serve/assemble.ts';
import { reportFatalError } from '../serve/fatal-error.ts';
import { setJitFlags } from '../serve/jit-flags.ts';
import { readServeOptions, SERVE_HELP, type ServeOptions, UsageError } from '../serve/options.ts';

/** @returns the exit status: 0 after an orderly end, 1 when it cannot start, 2 on wrong usage */
export async function serve(args: readonly string[]): Promise<number> {
  let options: ServeOptions | undefined;
  try {
    options = readServeOptions(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`vnet serve: ${error.message}\nvnet serve --help tells what it takes\n`);
    return 2;
  }
  if (options === undefined) {
    process.stdout.write(SERVE_HELP);
    return 0;
  }
  try {
    return await run(options);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    process.stderr.write(`vnet serve: ${error.message}\n`);
    return 1;
  }
}

async function run(options: ServeOptions): Promise<number> {
  setJitFlags();
  reportFatalError(standardErrorLog(options.name));
  const server = await assemble(options);
  const ended = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
  });
  process.on('SIGHUP', () => server.reload());
  const urls = await server.start();
  process.stdout.write(`READY ${urls.join(' ')}\n`);
  await server.stop(await ended);
  return 0;
}
