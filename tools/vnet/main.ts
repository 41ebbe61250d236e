#!/usr/bin/env node
/** The `vnet` command. What it can do stands in `cli/main.ts`. */

import { takeSignals } from './cli/signals.ts';
import { outputWritten, takeOutputErrors } from './cli/standard-output.ts';

takeSignals(process.argv[2]);

/** Errors tell where they come from in the source; maps are read of what is loaded from here on. */
process.setSourceMapsEnabled(true);

takeOutputErrors();

const { main } = await import('./cli/main.ts');
const status = await main(process.argv.slice(2));
await outputWritten();
// Nothing that still stands open, such as a connection that ends slowly, is worth waiting for.
process.exit(status);
