import type { CommandIo } from '../../../tools/vnet/cli/command-io.ts';

/** Surroundings that keep what was printed. */
export class Terminal implements CommandIo {
  env: Record<string, string | undefined> = {};
  columns: number | undefined;
  attended = false;
  stdout = '';
  stderr = '';

  out(text: string | Uint8Array): boolean {
    this.stdout += typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
    return true;
  }

  err(text: string): void {
    this.stderr += text;
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  /** What standard output has as JSON. */
  json(): unknown {
    return JSON.parse(this.stdout);
  }
}
