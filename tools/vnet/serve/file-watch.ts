/** Looks now and then whether the files of the log are as they were left: where nothing happens nothing is written. */
import type { Recorder } from '../../../actors/recorder/recorder.ts';
import type { FileSecretStore } from '../../../io/auth/secret-store.ts';
import type { Clock, Diagnostics, Timer } from '../../../io/ports.ts';

const EVERY_MS = 2000;

export class FileWatch {
  #timer: Timer | undefined;
  /** Why the secret store could not be written, as it was told. */
  #told = '';

  constructor(
    private readonly recorder: Recorder,
    private readonly secrets: FileSecretStore,
    private readonly clock: Clock,
    private readonly diagnostics: Diagnostics,
  ) {}

  start(): void {
    this.#timer = this.clock.after(EVERY_MS, () => {
      this.recorder.look();
      // Behind the log, which makes their directory again.
      this.#lookAtSecrets();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #lookAtSecrets(): void {
    try {
      const reason = this.secrets.look();
      if (reason !== undefined) this.diagnostics.error({ reason }, 'the secret store was written again');
      this.#told = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#told)
        this.diagnostics.error({ error: message }, 'the secret store cannot be written again');
      this.#told = message;
    }
  }
}
