import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';

/**
 * Network namespaces need root, or a kernel that lets users make a user namespace in which they are root.
 * There `ip netns add` needs a /run of its own to write in.
 */
export type Privilege =
  /** Commands run as they are. */
  | { readonly kind: 'root' }
  /** Commands run behind this prefix, inside of namespaces of the user's own. */
  | { readonly kind: 'user'; readonly prefix: readonly string[] }
  | { readonly kind: 'none'; readonly reason: string };

const PROBE = 'n=vn-probe-$$; ip netns add $n && ip netns exec $n true; r=$?; ip netns del $n; exit $r';
const OWN_RUN = 'mount -t tmpfs none /run && mkdir -p /run/netns && exec "$0" "$@"';
/** With a pid namespace everything inside ends with it; where /proc cannot be mounted again it goes without. */
const UNSHARE = [
  ['unshare', '-Urnmpf', '--mount-proc', '--kill-child'],
  ['unshare', '-Urnm'],
];
/** Set inside, so that nobody goes in twice. */
const INSIDE = 'VNET_LAB_INSIDE';

const path = (): string => `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;

function works(command: readonly string[]): string | undefined {
  const [file = '', ...args] = command;
  const env = { ...process.env, PATH: path(), LC_ALL: 'C' };
  const done = spawnSync(file, args, { encoding: 'utf8', timeout: 10_000, env });
  if (done.status === 0) return undefined;
  return (done.stderr || done.error?.message || `status ${done.status}`).trim().split('\n')[0];
}

let found: Privilege | undefined;

/** Tries out, once, what this process may do. */
export function privilege(): Privilege {
  found ??= probe();
  return found;
}

function probe(): Privilege {
  const asWeAre = works(['sh', '-c', PROBE]);
  if (asWeAre === undefined) return { kind: 'root' };
  if (process.env[INSIDE] !== undefined) return { kind: 'none', reason: asWeAre };
  let why = asWeAre;
  for (const unshare of UNSHARE) {
    const prefix = [...unshare, 'sh', '-c', OWN_RUN];
    const failed = works([...prefix, 'sh', '-c', PROBE]);
    if (failed === undefined) return { kind: 'user', prefix };
    why = failed;
  }
  const who =
    process.getuid?.() === 0 ? 'this root may not make network namespaces' : 'this needs root (sudo)';
  return { kind: 'none', reason: `${who}, or a kernel that lets users make namespaces (unshare: ${why})` };
}

/**
 * Sees to it that this process may make network namespaces: returns as root; as an ordinary user runs the
 * same command line again inside of a user namespace and ends with its status; where neither is to be had
 * says so in one line and ends with status 77.
 */
export async function ensurePrivileges(): Promise<void> {
  process.env.PATH = path();
  const have = privilege();
  if (have.kind === 'root') return;
  if (have.kind === 'none') {
    process.stderr.write(`vnet: ${have.reason}\n`);
    process.exit(77);
  }
  const [file = '', ...args] = [
    ...have.prefix,
    process.execPath,
    ...process.execArgv,
    ...process.argv.slice(1),
  ];
  const child = spawn(file, args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  // A terminal sends ^C to all of us; the one inside cleans up, so wait for it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' && child.pid !== undefined) tell(child.pid, signal);
    });
  }
  const status = await new Promise<number>((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', (code) => resolve(code ?? 1));
  });
  process.exit(status);
}

/** Where scratch folders go; inside of a user namespace to its own /run, which ends with it. */
export const scratchBase = (): string => (process.env[INSIDE] === undefined ? tmpdir() : '/run');

/** `unshare` itself ignores signals while its child runs: then the child is the one to tell. */
function tell(pid: number, signal: NodeJS.Signals): void {
  let inner: number[] = [];
  try {
    inner = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    // A kernel without that file: the one we know must do.
  }
  for (const target of inner.length > 0 ? inner : [pid]) process.kill(target, signal);
}

/** Environment for a command that is run behind `prefix` of a `Privilege`. */
export const insideEnvironment = (): Record<string, string | undefined> => ({
  ...process.env,
  PATH: path(),
  [INSIDE]: '1',
});

/** TAP interfaces need this device file, writable. */
export const tapPossible = (): boolean =>
  existsSync('/dev/net/tun') && works(['sh', '-c', ': <>/dev/net/tun']) === undefined;
