#!/usr/bin/env -S node --single-threaded-gc --no-memory-reducer --v8-pool-size=1
/**
 * The `vnet` command. What it can do stands in `cli/main.ts`.
 *
 * The options in the first line can be said there only, and save a server 2 MB and the frames some waiting: V8's threads
 * that collect garbage take the processor from the one thread that everything waits for.
 */

import { takeSignals } from './cli/signals.ts';
import { outputWritten, takeOutputErrors } from './cli/standard-output.ts';
import { forgetHungUpTerminals } from './cli/terminals.ts';
import { setHeapFlags } from './serve/engine-flags.ts';

takeSignals(process.argv[2]);

/**
 * Errors tell where they come from in the source; maps are read of what is loaded from here on. A server, in which
 * they would take 3 MB for ever, reads them when it has an error to tell (`serve/source-frames.ts`).
 */
if (process.argv[2] === 'serve') setHeapFlags();
else process.setSourceMapsEnabled(true);

takeOutputErrors();
forgetHungUpTerminals();

const { main } = await import('./cli/main.ts');
const status = await main(process.argv.slice(2));
await outputWritten();
// Nothing that still stands open, such as a connection that ends slowly, is worth waiting for.
process.exit(status);
