/** What `vnet serve` can be told, on the command line or in the file of `--config`. */
import { homedir, hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { describeIssue, readJsonFile } from '../../../io/auth/json-file.ts';
import { isName } from '../../../machines/protocol/ids.ts';
import { parseListenUrl } from '../../../machines/protocol/remote.ts';
import { LimitSettings } from './limits.ts';

export const SERVE_HELP = `Usage: vnet serve [options]

The server daemon. It is ready when it has printed one line READY <url>… on standard output; its own
diagnostics are JSON lines on standard error. SIGTERM or SIGINT end it, SIGHUP reads its files again.

  --listen URL…          tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH; may stand several times
                         (default tcp://127.0.0.1:7411)
  --name NAME            the name it goes by (default: this machine's)
  --log DIR              the event log (default: below $STATE_DIRECTORY, $XDG_STATE_HOME/vnet or
                         ~/.local/state/vnet)
  --log-sync MODE        always | interval | never: when records reach the disk (default interval, 100 ms)
  --log-segment-bytes N  begin a new segment of the log past that (default 2097152)
  --log-retain-bytes N   drop the oldest segments past that (default: keep all)
  --log-retain-days N    drop segments that were last written longer ago than that (default: keep all)
  --password-file F      who may say HELLO password; lines from \`vnet passwd\`, mode 0600
                         (without it, the variable VNET_PASSWORD is the secret of identity "default")
  --cert F --key F       our certificate, for tls:// and for HELLO cert elsewhere; \`vnet keygen\` makes both
  --authorized F         certificates that may come in, or stand for a server: NAME sha256:HEX [server=HOST]
  --ca F                 a CA whose certificates may come in
  --peers F              other servers by name, with their credentials (JSON)
  --policy F             what each identity may do (JSON); without it everything
  --allow-plaintext      take and send passwords on plain tcp:// also across a network
  --no-resume            do not dial again the Handlers of the run before
  --config F             a JSON file with any of these options, e.g. {"name": "proxy", "listen": ["tls://[::]:7411"]}
                         and "limits": see docs/OPERATION.md
  --help                 this text

To begin with, on one machine:
  VNET_PASSWORD=secret vnet serve --name proxy --log /tmp/proxy-log
`;

const Settings = v.strictObject({
  listen: v.optional(v.array(v.string())),
  name: v.optional(v.string()),
  log: v.optional(v.string()),
  'log-sync': v.optional(v.picklist(['always', 'interval', 'never'])),
  'log-segment-bytes': v.optional(v.pipe(v.number(), v.integer(), v.minValue(4096))),
  'log-retain-bytes': v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  'log-retain-days': v.optional(v.pipe(v.number(), v.minValue(0))),
  'password-file': v.optional(v.string()),
  cert: v.optional(v.string()),
  key: v.optional(v.string()),
  authorized: v.optional(v.string()),
  ca: v.optional(v.string()),
  peers: v.optional(v.string()),
  policy: v.optional(v.string()),
  'allow-plaintext': v.optional(v.boolean()),
  resume: v.optional(v.boolean()),
  limits: v.optional(LimitSettings),
});
type Settings = v.InferOutput<typeof Settings>;

/** Settings whose value is the path of a file or folder. */
const PATHS = ['log', 'password-file', 'cert', 'key', 'authorized', 'ca', 'peers', 'policy'] as const;

export type ServeOptions = Settings & {
  readonly listen: readonly string[];
  readonly name: string;
  readonly log: string;
};

/** Wrong usage: what was wrong, for people. */
export class UsageError extends Error {}

/** @returns undefined when `--help` was asked for @throws UsageError */
export function readServeOptions(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): ServeOptions | undefined {
  const given = readArguments(args);
  if (given === undefined) return undefined;
  const { config, ...settings } = given;
  const merged = { ...(config === undefined ? {} : readConfig(config)), ...settings };
  const name = merged.name ?? defaultName();
  if (!isName(name)) {
    throw new UsageError(`--name ${name}: a name is 1 to 64 letters, digits, dots, underscores and hyphens`);
  }
  const listen = merged.listen ?? ['tcp://127.0.0.1:7411'];
  for (const url of listen) {
    const parsed = parseListenUrl(url);
    if (!parsed.ok) throw new UsageError(`--listen ${url}: ${parsed.refusal.text}`);
  }
  return { ...merged, listen, name, log: merged.log ?? defaultLog(env) };
}

function readArguments(args: readonly string[]): (Settings & { readonly config?: string }) | undefined {
  const options = {
    listen: { type: 'string', multiple: true },
    name: { type: 'string' },
    log: { type: 'string' },
    'log-sync': { type: 'string' },
    'log-segment-bytes': { type: 'string' },
    'log-retain-bytes': { type: 'string' },
    'log-retain-days': { type: 'string' },
    'password-file': { type: 'string' },
    cert: { type: 'string' },
    key: { type: 'string' },
    authorized: { type: 'string' },
    ca: { type: 'string' },
    peers: { type: 'string' },
    policy: { type: 'string' },
    'allow-plaintext': { type: 'boolean' },
    'no-resume': { type: 'boolean' },
    config: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  const { values, positionals } = parse(args, options);
  if (values.help) return undefined;
  const { help: _, config, 'no-resume': noResume, listen, ...rest } = values;
  // `--listen A B`: URLs behind the first stand as words of their own.
  const stray = positionals.find((word) => !word.includes('://'));
  if (stray !== undefined) throw new UsageError(`"${stray}" is no option and no listener URL`);
  const urls = [...(listen ?? []), ...positionals];
  const numbers = Object.fromEntries(
    (['log-segment-bytes', 'log-retain-bytes', 'log-retain-days'] as const)
      .filter((key) => rest[key] !== undefined)
      .map((key) => [key, Number(rest[key])]),
  );
  const settings = {
    ...rest,
    ...numbers,
    ...(urls.length === 0 ? {} : { listen: urls }),
    ...(noResume ? { resume: false } : {}),
  };
  return { ...check(settings, 'command line'), ...(config === undefined ? {} : { config }) };
}

function parse<T extends NonNullable<Parameters<typeof parseArgs>[0]>['options']>(
  args: readonly string[],
  options: T,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Paths in the file are relative to it. */
function readConfig(file: string): Settings {
  let json: unknown;
  try {
    json = readJsonFile(file, 'the configuration');
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const settings = { ...check(json, file) };
  for (const key of PATHS) {
    const path = settings[key];
    if (path !== undefined) settings[key] = resolve(dirname(file), path);
  }
  return settings;
}

function check(value: unknown, where: string): Settings {
  const checked = v.safeParse(Settings, value);
  if (checked.success) return checked.output;
  throw new UsageError(`${where}: ${describeIssue(checked.issues[0])}`);
}

function defaultName(): string {
  const name = hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 64);
  return name === '' ? 'vnet' : name;
}

function defaultLog(env: NodeJS.ProcessEnv): string {
  // systemd may list several directories, parted by colons; the first is ours.
  const state = env.STATE_DIRECTORY?.split(':')[0];
  if (state) return join(state, 'log');
  const home = env.XDG_STATE_HOME || join(homedir(), '.local', 'state');
  return join(home, 'vnet', 'log');
}
