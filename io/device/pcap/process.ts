/** The child process of a pcap device, as its parent sees it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { Socket, type SocketConstructorOpts } from 'node:net';
import { DeviceError, type InterfaceInfo } from '../../ports.ts';
import { FROM_SOURCE, ownProgram } from '../../project.ts';
import { FRAMES_FD } from './messages.ts';

/** Starts the program that holds the session, from source or compiled. @throws DeviceError when there is no process to be had */
export async function forkChild(info: InterfaceInfo): Promise<ChildProcess> {
  const arms = lessPrivilege(info);
  const child = fork(ownProgram('io/device/pcap/child'), [info.name, String(info.ifindex)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'],
    ...(arms.length > 0 ? { execPath: arms[0] as string } : {}),
    execArgv: [...arms.slice(1), ...(FROM_SOURCE ? loaders(process.execArgv) : [])],
    env: environment(),
  });
  if (child.pid !== undefined) return child;
  const [cause] = (await once(child, 'error')) as [Error];
  throw noProcess(info, cause);
}

function noProcess(info: InterfaceInfo, cause: Error): DeviceError {
  const hint = /EMFILE|ENFILE/.test(cause.message)
    ? '; raise the limit of open files (ulimit -n, LimitNOFILE=)'
    : '';
  return new DeviceError('internal', `no process for pcap on ${info.name}: ${cause.message}${hint}`);
}

const SETPRIV = '/usr/bin/setpriv';
/** Bit of linux/capability.h in the sets of /proc/PID/status. */
const CAP_NET_ADMIN = 1n << 12n;

/**
 * Where our capabilities are ambient ones, as under systemd, the child would have them all; it needs CAP_NET_RAW and no
 * other. @returns the command to start it by, empty where nothing is to be taken away
 */
function lessPrivilege(info: InterfaceInfo): readonly string[] {
  let status: string;
  try {
    status = readFileSync('/proc/self/status', 'utf8');
  } catch (error) {
    throw noProcess(info, error as Error);
  }
  const ambient = BigInt(`0x${/^CapAmb:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  if ((ambient & CAP_NET_ADMIN) === 0n || !existsSync(SETPRIV)) return [];
  return [SETPRIV, '--inh-caps=-net_admin', '--ambient-caps=-net_admin', '--no-new-privs', process.execPath];
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
