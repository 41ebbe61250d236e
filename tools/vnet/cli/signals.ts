/**
 * Signals that would otherwise do to the process what nobody wants, taken before anything else is loaded:
 *
 * - SIGUSR1 makes Node open its debugger on 127.0.0.1:9229, and whoever may connect there runs code with our rights.
 * - SIGHUP and SIGUSR2 end a process; a server is told to reload by the one, perhaps before it has started.
 *
 * What comes before a server has said what to do with it is kept for it.
 */
const KEPT = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
export type KeptSignal = (typeof KEPT)[number];

const early = new Set<KeptSignal>();
let heard: (signal: KeptSignal) => void = (signal) => void early.add(signal);

/** Takes them from the first moment on. Of a command that is no server only SIGUSR1, which then does nothing. */
export function takeSignals(command: string | undefined): void {
  for (const signal of command === 'serve' ? KEPT : (['SIGUSR1'] as const)) {
    process.on(signal, () => heard(signal));
  }
}

/** Says what is to be done with them; those that came before are told at once, each once. */
export function onSignals(act: (signal: KeptSignal) => void): void {
  heard = act;
  for (const signal of early) act(signal);
  early.clear();
}
