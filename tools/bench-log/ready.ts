import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from '../lab/program.ts';
import { VNET } from '../lab/server.ts';

/** Starts the built server on a log five times, and ends it by kill -9 so that the log is as long each time. */
export async function ready(dir: string, say: (text: string) => void): Promise<void> {
  const times: number[] = [];
  for (let run = 0; run < 5; run++) {
    const socket = join(dir, '..', 'ready.sock');
    rmSync(socket, { force: true });
    const started = performance.now();
    const server = serve(dir, socket);
    await server.waitFor(/^READY /m, 60_000);
    times.push(performance.now() - started);
    await server.kill();
  }
  say(`ready: ${times.map((time) => `${Math.round(time)} ms`).join(', ')} from exec to READY`);
}

/** The built server, on a unix socket, dialling nobody. */
export function serve(dir: string, socket: string): Program {
  const options = ['--listen', `unix://${socket}`, '--log', dir, '--name', 'bench', '--no-resume'];
  return new Program('bench', [process.execPath, VNET, 'serve', ...options]);
}
