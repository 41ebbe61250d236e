/**
 * fdatasync in a thread of its own. libuv's pool would put it in one queue with scrypt, DNS and every other file,
 * and an fdatasync of a busy disk would hold one of the pool's four threads for long.
 */
import { Worker } from 'node:worker_threads';

/** In the worker everything is synchronous: it has nothing else to do. Kept as text so that it needs no loader. */
const SOURCE = `
const { parentPort } = require('node:worker_threads');
const fs = require('node:fs');
parentPort.on('message', (fd) => {
  try {
    fs.fdatasyncSync(fd);
    parentPort.postMessage('');
  } catch (error) {
    parentPort.postMessage(String(error.message));
  }
});`;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Syncer {
  #worker: Worker | undefined;
  /** In the order of the requests; the worker answers in that order. */
  readonly #waiting: Waiter[] = [];
  #ended = false;

  /**
   * Resolves when everything that was written to the descriptor before the call is on the disk. The descriptor must
   * stay open until then. @throws Error (by the promise) what fdatasync says, or that the thread is gone
   */
  sync(fd: number): Promise<void> {
    if (this.#ended) return Promise.reject(new Error('the log is closed'));
    return new Promise((resolve, reject) => {
      this.#worker ??= this.#start();
      this.#waiting.push({ resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage(fd);
    });
  }

  /** Ends the thread; what waits still is refused. */
  async close(): Promise<void> {
    this.#ended = true;
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
    this.#refuseAll('the log is closed');
  }

  #start(): Worker {
    // Without execArgv the worker would load our loader and whatever else the process was started with.
    const worker = new Worker(SOURCE, {
      eval: true,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 16 },
    });
    worker.on('message', (failure: string) => {
      const waiter = this.#waiting.shift();
      if (this.#waiting.length === 0) worker.unref();
      if (failure === '') waiter?.resolve();
      else waiter?.reject(new Error(failure));
    });
    const gone = (why: string) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#refuseAll(why);
    };
    worker.on('error', (error) => gone(`the sync thread failed: ${String(error)}`));
    worker.on('exit', () => gone('the sync thread ended'));
    return worker;
  }

  #refuseAll(why: string): void {
    for (const waiter of this.#waiting.splice(0)) waiter.reject(new Error(why));
  }
}
