/** What `vnet serve` can be told, on the command line or in the file of `--config`. */
import { homedir, hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import * as v from 'valibot';
import { describeIssue, readJsonFile } from '../../../io/auth/json-file.ts';
import { isName } from '../../../machines/protocol/ids.ts';
import { parseListenUrl } from '../../../machines/protocol/remote.ts';
import { UsageError } from '../cli/failures.ts';
import type { Parsed } from '../cli/parse.ts';
import type { SERVE } from '../usage/server.ts';
import { LimitSettings, WIRE_SETTINGS } from './limits.ts';

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
  'warm-up': v.optional(v.boolean()),
  congestion: v.optional(v.string()),
  ...WIRE_SETTINGS,
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

/**
 * What the command line says, else the file of `--config`, else the defaults.
 * @throws UsageError
 */
export function readServeOptions(
  given: Parsed<typeof SERVE.options>,
  env: Readonly<Record<string, string | undefined>> = process.env,
): ServeOptions {
  const { config } = given.values;
  const merged = { ...(config === undefined ? {} : readConfig(config)), ...fromCommandLine(given) };
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

function fromCommandLine({ values, positionals }: Parsed<typeof SERVE.options>): Settings {
  const { config: _, 'no-resume': noResume, 'no-warm-up': noWarmUp, listen = [], ...rest } = values;
  // `--listen A B`: URLs behind the first stand as words of their own.
  const stray = positionals.find((word) => !word.includes('://'));
  if (stray !== undefined) throw new UsageError(`"${stray}" is no option and no listener URL`);
  const urls = [...listen, ...positionals];
  const settings = {
    ...rest,
    ...(urls.length === 0 ? {} : { listen: urls }),
    ...(noResume ? { resume: false } : {}),
    ...(noWarmUp ? { 'warm-up': false } : {}),
  };
  return check(settings, 'command line');
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

function defaultLog(env: Readonly<Record<string, string | undefined>>): string {
  // systemd may list several directories, parted by colons; the first is ours.
  const state = env.STATE_DIRECTORY?.split(':')[0];
  if (state) return join(state, 'log');
  return join(env.XDG_STATE_HOME || join(home(), '.local', 'state'), 'vnet', 'log');
}

/** @throws UsageError for a user whom the password database does not know, as containers have them */
function home(): string {
  try {
    return homedir();
  } catch {
    throw new UsageError(
      'this user has no home directory, where the log would go: give --log DIR, or set $STATE_DIRECTORY or $XDG_STATE_HOME',
    );
  }
}
