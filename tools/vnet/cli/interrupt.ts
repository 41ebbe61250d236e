/**
 * A signal that aborts at the first ^C (or SIGTERM), which then does not end the process by itself; a second one does.
 * `forget` gives both their usual meaning back.
 */
export function interrupted(): { readonly signal: AbortSignal; forget(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  process.once('SIGINT', abort);
  process.once('SIGTERM', abort);
  return {
    signal: controller.signal,
    forget() {
      process.off('SIGINT', abort);
      process.off('SIGTERM', abort);
    },
  };
}

/** Work that the first ^C (or SIGTERM) is to end by the signal that it is given. */
export async function untilInterrupted<T>(work: (stop: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, forget } = interrupted();
  try {
    return await work(signal);
  } finally {
    forget();
  }
}
