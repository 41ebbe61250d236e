/** What `vnet serve` can be told, on the command line or in the file of `--config`. */
import { homedir, hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import * as v from 'valibot';
import { describeIssue, objectOf, Path, readJsonFile } from '../../../io/auth/json-file.ts';
import { type HttpUrl, isPrivate, parseHttpUrl } from '../../../io/http/url.ts';
import { isName } from '../../../machines/protocol/ids.ts';
import { formatListenUrl, parseListenUrl } from '../../../machines/protocol/remote.ts';
import { UsageError } from '../cli/failures.ts';
import type { Parsed } from '../cli/parse.ts';
import type { SERVE } from '../usage/server.ts';
import { LimitSettings, WIRE_SETTINGS } from './limits.ts';

const DEFAULT_LISTEN = 'tcp://127.0.0.1:7411';
const NAME_RULE = '1 to 64 letters, digits, dots, underscores and hyphens';
/** Longer than any log is kept, and still a number of milliseconds. */
const MOST_DAYS = 36_500;

const Settings = v.strictObject({
  listen: v.optional(
    v.pipe(
      v.array(v.string(), 'must be a list, such as ["tls://0.0.0.0:7411"]'),
      v.minLength(1, `must name a URL, or be left out: it is ${DEFAULT_LISTEN} then`),
    ),
  ),
  name: v.optional(v.pipe(v.string(), v.check(isName, `must be ${NAME_RULE}`))),
  log: v.optional(Path),
  'log-sync': v.optional(v.picklist(['always', 'interval', 'never'])),
  'log-segment-bytes': v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(4096))),
  'log-retain-bytes': v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
  'log-retain-days': v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(MOST_DAYS))),
  'password-file': v.optional(Path),
  cert: v.optional(Path),
  key: v.optional(Path),
  authorized: v.optional(Path),
  ca: v.optional(Path),
  peers: v.optional(Path),
  policy: v.optional(Path),
  'allow-plaintext': v.optional(v.boolean()),
  http: v.optional(v.string()),
  resume: v.optional(v.boolean()),
  'warm-up': v.optional(v.boolean()),
  congestion: v.optional(v.pipe(v.string(), v.minLength(1, 'must be a name'))),
  ...WIRE_SETTINGS,
  limits: v.optional(objectOf(LimitSettings)),
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
  if (merged.http !== undefined) checkHttp(merged.http, merged['allow-plaintext'] ?? false);
  return {
    ...merged,
    listen: merged.listen ?? [DEFAULT_LISTEN],
    name: merged.name ?? defaultName(),
    log: merged.log ?? defaultLog(env),
  };
}

/** @throws UsageError */
function checkHttp(http: string, allowPlaintext: boolean): void {
  // A password that somebody wrote into the URL is not repeated.
  const option = `--http ${http.replace(/\/\/[^/]*@/, '//…@')}`;
  let url: HttpUrl;
  try {
    url = parseHttpUrl(http);
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
  if (url.scheme !== 'http' || isPrivate(url) || allowPlaintext) return;
  throw new UsageError(
    `${option}: plain http:// is for this machine alone, because passwords cross it in the clear; ` +
      'use https://, a loopback address, or --allow-plaintext',
  );
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
  if (settings.name !== undefined && !isName(settings.name)) {
    throw new UsageError(`--name ${settings.name}: a name is ${NAME_RULE}`);
  }
  const checked = check(settings, 'command line');
  checkListeners(checked, (index, why) => `--listen ${checked.listen?.[index]}: ${why}`);
  return checked;
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
  checkListeners(settings, (index, why) => `${file}: listen[${index}]: ${why}`);
  for (const key of PATHS) {
    const path = settings[key];
    if (path !== undefined) settings[key] = resolve(dirname(file), path);
  }
  return settings;
}

/** @param say puts what is wrong with the URL of that number into a message @throws UsageError */
function checkListeners({ listen = [] }: Settings, say: (index: number, why: string) => string): void {
  const seen = new Set<string>();
  for (const [index, url] of listen.entries()) {
    const parsed = parseListenUrl(url);
    if (!parsed.ok) throw new UsageError(say(index, parsed.refusal.text));
    const normal = formatListenUrl(parsed.value);
    if (seen.has(normal)) throw new UsageError(say(index, `${normal} stands there twice`));
    // The kernel gives each of these a port of its own.
    if (!('port' in parsed.value && parsed.value.port === 0)) seen.add(normal);
  }
}

const FIELDS = {
  names: [...Object.keys(Settings.entries), ...Object.keys(LimitSettings.entries)],
  hints: {
    'no-resume': 'say "resume": false',
    'no-warm-up': 'say "warm-up": false',
    config: 'a file names no other one',
    password: 'a secret never stands here; "password-file" names a file of lines that `vnet passwd` makes',
    ...Object.fromEntries(Object.keys(LimitSettings.entries).map((name) => [name, 'it stands in "limits"'])),
  },
};

function check(value: unknown, where: string): Settings {
  const checked = v.safeParse(objectOf(Settings), value);
  if (checked.success) return checked.output;
  throw new UsageError(`${where}: ${describeIssue(checked.issues[0], FIELDS)}`);
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
