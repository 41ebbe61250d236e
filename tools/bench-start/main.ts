/**
 * What an idle server takes: time from exec to READY, and resident memory three seconds later. Several builds are
 * started in turn, so that what else goes on in the machine meets all of them.
 *
 *     node --import tsx tools/bench-start/main.ts [--rounds N] [-- COMMAND …]
 *
 * A COMMAND is what is typed behind `node`, in one word, with options of `vnet serve` behind `--`:
 * `"--v8-pool-size=1 dist/tools/vnet/main.js -- --no-warm-up"`. Ours by default.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { median } from '../bench/statistics.ts';
import { Program } from '../lab/program.ts';
import { NODE_OPTIONS, VNET } from '../lab/server.ts';

interface Start {
  /** Milliseconds from exec to READY. */
  readonly ready: number;
  /** VmRSS and VmHWM in MB (10^6 bytes): three seconds after READY, and at its most. */
  readonly resident: number;
  readonly peak: number;
}

/** Idle is what is left when the start is digested. */
const IDLE_AFTER_MS = 3000;

/** Starts a server as people do: a log, a password, a control port on loopback. */
async function start(way: string): Promise<Start> {
  const [command = [], further = []] = way.split(' -- ', 2).map((text) => text.split(' ').filter(Boolean));
  const dir = mkdtempSync(join(tmpdir(), 'vnet-start-'));
  const options = ['--listen', 'tcp://127.0.0.1:0', '--log', join(dir, 'log'), '--name', 'bench'];
  const started = performance.now();
  const server = new Program('bench', [process.execPath, ...command, 'serve', ...options, ...further], {
    env: { ...process.env, VNET_PASSWORD: 'correct-horse-7' },
  });
  try {
    await server.waitFor(/^READY /m, 20_000);
    const ready = performance.now() - started;
    await wait(IDLE_AFTER_MS);
    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
    return { ready, resident: megabytes(status, 'VmRSS'), peak: megabytes(status, 'VmHWM') };
  } finally {
    await server.kill();
    rmSync(dir, { recursive: true, force: true });
  }
}

function megabytes(status: string, field: string): number {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
  if (kib === undefined) throw new Error(`no ${field} in /proc/PID/status`);
  return (Number(kib) * 1024) / 1e6;
}

function row(command: string, starts: readonly Start[]): string {
  const middle = (field: keyof Start, digits: number) =>
    (median(starts.map((start) => start[field])) ?? Number.NaN).toFixed(digits);
  return `| ${command} | ${middle('ready', 0)} | ${middle('resident', 1)} | ${middle('peak', 1)} |`;
}

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '7' } },
  allowPositionals: true,
});
const commands = positionals.length > 0 ? positionals : [[...NODE_OPTIONS, VNET].join(' ')];
const starts = new Map<string, Start[]>(commands.map((command) => [command, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [command, list] of starts) list.push(await start(command));
}
process.stdout.write('| | READY, ms | idle, MB | peak, MB |\n| --- | --- | --- | --- |\n');
for (const [command, list] of starts) process.stdout.write(`${row(command, list)}\n`);
