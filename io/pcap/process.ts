/** The child process of a pcap device, as its parent sees it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Socket, type SocketConstructorOpts } from 'node:net';
import { fileURLToPath } from 'node:url';
import { DeviceError, type InterfaceInfo } from '../ports.ts';
import { FRAMES_FD } from './messages.ts';

/** Starts the program that holds the session, from source or compiled. @throws DeviceError when there is no process to be had */
export async function forkChild(info: InterfaceInfo): Promise<ChildProcess> {
  const source = import.meta.url.endsWith('.ts');
  const program = fileURLToPath(new URL(`./child.${source ? 'ts' : 'js'}`, import.meta.url));
  const child = fork(program, [info.name, String(info.ifindex)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'],
    execArgv: source ? loaders(process.execArgv) : [],
    env: environment(),
  });
  if (child.pid !== undefined) return child;
  const [cause] = (await once(child, 'error')) as [Error];
  const hint = /EMFILE|ENFILE/.test(cause.message)
    ? '; raise the limit of open files (ulimit -n, LimitNOFILE=)'
    : '';
  throw new DeviceError('internal', `no process for pcap on ${info.name}: ${cause.message}${hint}`);
}

/** Of our own arguments those that a child in TypeScript needs: not a debugger's port, nor code to evaluate. */
function loaders(argv: readonly string[]): string[] {
  const kept: string[] = [];
  for (const [i, word] of argv.entries()) {
    if (/^--(import|require|loader|experimental-loader)=/.test(word)) kept.push(word);
    else if (/^(--(import|require|loader|experimental-loader)|-r)$/.test(word))
      kept.push(word, argv[i + 1] ?? '');
  }
  return kept;
}

/** No secret of ours goes to the child. */
function environment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'TMPDIR', 'NODE_V8_COVERAGE', 'LD_LIBRARY_PATH'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

type OnRead = { buffer: () => Buffer; callback: (bytes: number) => boolean };

/**
 * The parent's end of the frames' pipe. `fork` makes sockets that read into memory of their own, so the handle
 * moves to one that reads into ours. It stays still until `resume`.
 */
export function adopt(child: ChildProcess, onread: OnRead): Socket {
  const made = child.stdio[FRAMES_FD] as (Socket & { _handle?: unknown }) | null | undefined;
  if (made?._handle === undefined || made._handle === null) throw new Error('no pipe to the pcap process');
  const handle = made._handle as { readStop(): void; reading: boolean };
  made._handle = null;
  handle.readStop();
  handle.reading = false;
  const options = { handle, readable: true, writable: true, allowHalfOpen: true, manualStart: true, onread };
  return new Socket(options as unknown as SocketConstructorOpts);
}
