#!/usr/bin/env node
/** The `vnet` command. What it can do stands in `cli/main.ts`. */

import { takeSignals } from './cli/signals.ts';

takeSignals(process.argv[2]);

/** Errors tell where they come from in the source; maps are read of what is loaded from here on. */
process.setSourceMapsEnabled(true);

/** Whoever reads our output may stop early, as `head` does: that is no error of ours. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const { main } = await import('./cli/main.ts');
const status = await main(process.argv.slice(2));
// Output is written by now (pipes and files are written at once on Linux); nothing that still stands open, such as
// a connection that ends slowly, is worth waiting for.
process.exit(status);
