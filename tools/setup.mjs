#!/usr/bin/env node
/**
 * All set-up of a fresh clone: Debian packages, npm packages, the native addon, the TypeScript build.
 * Quick and silent when nothing is to do. Plain JavaScript with Node's own modules only, because it runs before
 * anything else is there.
 *
 *     node tools/setup.mjs              does everything
 *     node tools/setup.mjs --packages   Debian packages only (as root; the rest belongs to the user)
 *     node tools/setup.mjs --tests      what the tests can use besides, too (a browser, other shells, mandoc)
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const STAMP = join(root, '.setup-stamp.json');
const LOCK = join(root, '.setup-stamp.lock');
const ADDON = join(root, 'io/device/native/build/Release');
const BIN = join(root, 'dist/tools/vnet/main.js');
const PAGE = join(root, 'dist/tools/vnet/page.html');

/** What is needed, how to see that it is there (a command, or files one of which must exist), and its Debian package. */
const NEEDED = [
  { package: 'g++', command: 'g++' },
  { package: 'make', command: 'make' },
  { package: 'python3', command: 'python3' },
  { package: 'libpcap-dev', files: ['/usr/include/pcap/pcap.h', '/usr/local/include/pcap/pcap.h'] },
  { package: 'iproute2', command: 'ip' },
  { package: 'iputils-ping', command: 'ping' },
  { package: 'util-linux', command: 'unshare' },
  { package: 'nftables', command: 'nft' },
  { package: 'dnsmasq-base', command: 'dnsmasq' },
  { package: 'udhcpc', command: 'udhcpc' },
  { package: 'busybox', command: 'busybox' },
  { package: 'tcpdump', command: 'tcpdump' },
  { package: 'ethtool', command: 'ethtool' },
  { package: 'netcat-openbsd', command: 'nc' },
  { package: 'curl', command: 'curl' },
  { package: 'openssl', command: 'openssl' },
  { package: 'jq', command: 'jq' },
  { package: 'iperf3', command: 'iperf3' },
  { package: 'procps', command: 'ps' },
];

/**
 * For `--tests`: without them some tests are skipped, and say so. One with a service would run it at once, open to the
 * network: where services are run at all it is left to people.
 */
const WANTED_BY_TESTS = [
  { package: 'chromium', command: 'chromium' },
  { package: 'mandoc', command: 'mandoc' },
  { package: 'tshark', command: 'tshark' },
  { package: 'tmux', command: 'tmux' },
  { package: 'groff-base', command: 'groff' },
  { package: 'prometheus', command: 'promtool', service: true },
  { package: 'zsh', command: 'zsh' },
  { package: 'fish', command: 'fish' },
];

class SetupError extends Error {}

// ── Saying what goes on ─────────────────────────────────────────────────────────────────────────────

/** Runs one long step: a ticking line on a terminal, one plain line elsewhere; its output only when it fails. */
async function step(title, command, args, options = {}) {
  const terminal = process.stderr.isTTY === true && process.env.CI === undefined;
  const since = Date.now();
  const seconds = () => Math.round((Date.now() - since) / 1000);
  const line = (text) => process.stderr.write(terminal ? `\r\x1b[K${text}` : `${text}\n`);
  line(`setup: ${title} …`);
  const ticker = terminal ? setInterval(() => line(`setup: ${title} … ${seconds()} s`), 1000) : undefined;
  const { status, output } = await run(command, args, options);
  clearInterval(ticker);
  if (status === 0) {
    if (terminal) line(`setup: ${title}: done, ${seconds()} s\n`);
    return;
  }
  if (terminal) process.stderr.write('\n');
  process.stderr.write(output);
  throw new SetupError(
    `${title}: \`${[command, ...args].join(' ')}\` failed with ${status}; its output stands above`,
  );
}

function run(command, args, options) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    const keep = (text) => {
      output += text;
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('error', (error) => resolve({ status: error.message, output }));
    child.on('close', (code, signal) => resolve({ status: code ?? signal, output }));
  });
}

// ── Node ────────────────────────────────────────────────────────────────────────────────────────────

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if ((major === 20 && minor >= 19) || (major === 22 && minor >= 18) || major >= 24) return;
  throw new SetupError(
    `this is Node ${process.versions.node}; VNET needs Node 20.19 or a later 20, 22.18 or a later 22, or 24 and up`,
  );
}

// ── Debian packages ─────────────────────────────────────────────────────────────────────────────────

const folders = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`.split(':');
const onPath = (command) => folders.some((folder) => existsSync(join(folder, command)));
const present = (need) => (need.command ? onPath(need.command) : need.files.some((file) => existsSync(file)));

const missingOf = (needs) => needs.filter((need) => !present(need)).map((need) => need.package);

async function systemPackages() {
  const runsServices = existsSync('/run/systemd/system');
  const forTests = WANTED_BY_TESTS.filter(({ service }) => !(service && runsServices));
  const wanted = process.argv.includes('--tests') ? missingOf(forTests) : [];
  const mayInstall = onPath('apt-get') && process.getuid() === 0;
  if (wanted.length > 0 && !mayInstall) {
    process.stderr.write(`setup: not installed here, so that some tests are skipped: ${wanted.join(', ')}\n`);
  }
  const missing = [...missingOf(NEEDED), ...(mayInstall ? wanted : [])];
  if (missing.length === 0) return;
  const command = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (!onPath('apt-get')) {
    throw new SetupError(
      `not installed here: ${missing.join(', ')} (names of Debian packages); there is no apt-get, install them by hand`,
    );
  }
  if (process.getuid() !== 0) {
    throw new SetupError(`some packages are missing; type:  sudo sh -c '${command}'`);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const lock = ['-o', 'DPkg::Lock::Timeout=300'];
  await step('apt-get update', 'apt-get', ['update', ...lock], { env });
  const install = ['install', '-y', '--no-install-recommends', ...lock, ...missing];
  await step(`installing ${missing.join(' ')}`, 'apt-get', install, { env });
  const still = missingOf(NEEDED);
  if (still.length > 0) throw new SetupError(`still missing after apt-get install: ${still.join(', ')}`);
}

// ── What changed since the last time ────────────────────────────────────────────────────────────────

function filesBelow(folder, wanted, found = []) {
  for (const entry of existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : []) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !['build', 'node_modules'].includes(entry.name))
      filesBelow(path, wanted, found);
    else if (entry.isFile() && wanted.test(entry.name)) found.push(path);
  }
  return found;
}

function digest(paths) {
  const hash = createHash('sha256');
  for (const path of paths.sort())
    hash
      .update(`${relative(root, path)}\0`)
      .update(readFileSync(path))
      .update('\0');
  return hash.digest('hex');
}

const at = (...names) => names.map((name) => join(root, name));
const lockDigest = () => digest(at('package-lock.json', 'package.json'));
const nativeDigest = () => digest(filesBelow(join(root, 'io/device/native'), /\.(cc|cpp|h|hpp|gyp|gypi)$/));
const buildFolders = ['machines', 'actors', 'io', 'tools'];
const sourcesDigest = () =>
  digest([
    ...buildFolders.flatMap((folder) => filesBelow(join(root, folder), /\.(ts|html|css)$/)),
    ...at('tools/build.mjs', 'tsconfig.json', 'package-lock.json'),
  ]);

function readStamp() {
  try {
    return JSON.parse(readFileSync(STAMP, 'utf8'));
  } catch {
    return {};
  }
}

function noteDone(what) {
  writeFileSync(STAMP, `${JSON.stringify({ ...readStamp(), ...what }, null, 2)}\n`);
}

// ── npm ─────────────────────────────────────────────────────────────────────────────────────────────

/** Environment for npm and node-gyp: headers from beside this Node where they are, so that none are fetched. */
function buildEnvironment() {
  const prefix = dirname(dirname(process.execPath));
  const env = { ...process.env };
  if (env.npm_config_nodedir === undefined && existsSync(join(prefix, 'include/node/node_api.h'))) {
    env.npm_config_nodedir = prefix;
  }
  return env;
}

function npm(title, ...args) {
  const own = process.env.npm_execpath;
  const env = buildEnvironment();
  if (own?.endsWith('.js') && existsSync(own)) return step(title, process.execPath, [own, ...args], { env });
  return step(title, 'npm', args, { env });
}

/** Whether node_modules holds just what the lock file says (packages for other platforms aside). */
function modulesMatchLock() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const have = JSON.parse(readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8')).packages;
    const same = ([path, entry]) =>
      path === '' || have[path]?.version === entry.version || (entry.optional && have[path] === undefined);
    return (
      Object.entries(wanted).every(same) &&
      Object.keys(have).every((path) => path in wanted && existsSync(join(root, path, 'package.json')))
    );
  } catch {
    return false;
  }
}

/** Whether a native module loads in this Node; tried in a process of its own. */
const loads = (path) =>
  spawnSync(process.execPath, ['-e', 'require(process.argv[1])', path], { stdio: 'ignore', cwd: root })
    .status === 0;

async function npmPackages(stamp) {
  const modules = process.versions.modules;
  const lock = lockDigest();
  const there = existsSync(join(root, 'node_modules/.package-lock.json'));
  if (there && stamp.lock === lock && stamp.modules === modules) return;
  if (!modulesMatchLock()) {
    await npm('installing npm packages (npm ci)', 'ci', '--include=dev', '--no-audit', '--no-fund');
  }
  const pcap = dirname(createRequire(join(root, 'package.json')).resolve('pcap'));
  if (!loads(pcap)) await npm('building pcap for this Node', 'rebuild', 'pcap', '--ignore-scripts=false');
  if (!loads(pcap))
    throw new SetupError('the npm package pcap was built and still does not load in this Node');
  noteDone({ lock, modules });
}

// ── Our own builds ──────────────────────────────────────────────────────────────────────────────────

const builtAddons = () =>
  existsSync(ADDON) ? readdirSync(ADDON).filter((name) => name.endsWith('.node')) : [];

async function nativeAddon(stamp) {
  if (!existsSync(join(root, 'io/device/native/binding.gyp'))) return;
  const native = nativeDigest();
  const abi = `${process.arch}-${process.versions.modules}`;
  const built = builtAddons();
  if (built.length > 0 && stamp.native === native && stamp.abi === abi) return;
  const good = built.length > 0 && stamp.native === native && built.every((name) => loads(join(ADDON, name)));
  if (!good) await npm('building the native addon', 'run', 'build:addon');
  const now = builtAddons();
  if (now.length === 0) throw new SetupError('the native addon was built and left no file behind');
  for (const name of now) {
    if (!loads(join(ADDON, name))) throw new SetupError(`${name} was built and does not load in this Node`);
  }
  noteDone({ native, abi });
}

async function typescript(stamp) {
  const sources = sourcesDigest();
  if (existsSync(BIN) && existsSync(PAGE) && stamp.sources === sources) return;
  await npm('building the TypeScript', 'run', 'build');
  noteDone({ sources });
}

// ── One at a time ───────────────────────────────────────────────────────────────────────────────────

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function tryLock() {
  try {
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  try {
    const holder = Number(readFileSync(LOCK, 'utf8'));
    const fresh = Date.now() - statSync(LOCK).mtimeMs < 1000;
    if (!(holder > 0 ? alive(holder) : fresh)) rmSync(LOCK, { force: true });
  } catch {
    // Let go of between our two looks.
  }
  return false;
}

/** Two set-ups at once in one folder would spoil each other's work: the second waits. */
async function locked(work) {
  let told = false;
  for (let tries = 0; !tryLock(); tries++) {
    if (tries > 20 && !told) {
      told = true;
      process.stderr.write('setup: another set-up runs in this folder, waiting for it …\n');
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  process.on('exit', () => rmSync(LOCK, { force: true }));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
  await work();
}

try {
  checkNode();
  await systemPackages();
  if (!process.argv.includes('--packages')) {
    await locked(async () => {
      await npmPackages(readStamp());
      await nativeAddon(readStamp());
      await typescript(readStamp());
    });
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`setup: ${error.message}\n`);
  process.exit(1);
}
