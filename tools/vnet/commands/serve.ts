/** `vnet serve`: the server daemon, put together from its parts. */
import { standardErrorLog } from '../../../io/diagnostics/standard-error-log.ts';
import { command } from '../cli/command.ts';
import type { CommandIo } from '../cli/command-io.ts';
import { Failure } from '../cli/failures.ts';
import { onSignals } from '../cli/signals.ts';
import { onOutputError, outputProblem } from '../cli/standard-output.ts';
import { assemble, StartError } from '../serve/assemble.ts';
import { setJitFlags } from '../serve/engine-flags.ts';
import { reportFatalError, reportWarnings } from '../serve/fatal-error.ts';
import { readServeOptions, type ServeOptions } from '../serve/options.ts';
import { startWarmUp } from '../serve/warm-up.ts';
import { SERVE } from '../usage/server.ts';

/** `vnet serve`: exit status 0 after an orderly end, 1 when it cannot start, 2 on wrong usage. */
export const serve = command(SERVE, async (given, around) => {
  const options = readServeOptions(given, around.env);
  try {
    return await run(options, around);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    throw new Failure(1, `vnet serve: ${error.message}`);
  }
});

/** That READY could not be said: whoever started the server waits for it in vain. */
class Unwritable extends Error {}

async function run(options: ServeOptions, around: CommandIo): Promise<number> {
  setJitFlags();
  const diagnostics = standardErrorLog(options.name);
  reportFatalError(diagnostics);
  reportWarnings(diagnostics);
  const server = await assemble(options, diagnostics);
  const ended = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
  });
  const stopped = new AbortController();
  const warmUp = options['warm-up'] === false ? undefined : startWarmUp(stopped.signal, diagnostics);
  const urls = await server.start();
  onSignals((signal) => {
    if (signal === 'SIGHUP') server.reload();
    else diagnostics.info({ signal }, 'this signal does nothing here');
  });
  const unwritable = new Promise<Unwritable>((resolve) => {
    onOutputError((error) => resolve(new Unwritable(outputProblem(error))));
  });
  await warmUp?.byReady;
  around.out(`READY ${urls.join(' ')}\n`);
  server.ready();
  const end = await Promise.race([ended, unwritable]);
  if (end instanceof Unwritable) diagnostics.error({ reason: end.message }, 'nobody can be told READY');
  stopped.abort();
  await Promise.all([server.stop(end instanceof Unwritable ? 'no standard output' : end), warmUp?.over]);
  if (end instanceof Unwritable) throw new Failure(1, `vnet serve: ${end.message}`);
  return 0;
}
