/** Puts a server together from what the options say. */
import { join } from 'node:path';
import type { Limits } from '../../../actors/limits.ts';
import { Recorder } from '../../../actors/recorder/recorder.ts';
import { Server } from '../../../actors/server.ts';
import type { Configuration } from '../../../actors/world.ts';
import type { Credentials } from '../../../io/auth/authenticator.ts';
import { type FileSecretStore, openSecretStore } from '../../../io/auth/secret-store.ts';
import { realChance } from '../../../io/chance.ts';
import { realClock } from '../../../io/clock.ts';
import { kernelDevices } from '../../../io/device/devices.ts';
import type { StandardErrorLog } from '../../../io/diagnostics/standard-error-log.ts';
import { fileProblem } from '../../../io/file-problem.ts';
import { isPrivate, parseHttpUrl } from '../../../io/http/url.ts';
import { DamagedLog, LogInUse, segmentName } from '../../../io/journal/damage.ts';
import { sha256 } from '../../../io/journal/digest.ts';
import { type OpenJournal, openJournal } from '../../../io/journal/files.ts';
import { isLoopbackAddress } from '../../../io/net/address.ts';
import type { Congestion } from '../../../io/net/congestion.ts';
import { congestionFor, kernelSockets } from '../../../io/net/kernel-sockets.ts';
import { realNetwork } from '../../../io/net/network.ts';
import type { Devices, Diagnostics, Listener } from '../../../io/ports.ts';
import { MACHINES } from '../../../machines/index.ts';
import { foldLog, type Verdict } from '../../../machines/log/replay.ts';
import { parseListenUrl } from '../../../machines/protocol/remote.ts';
import { programVersion } from '../cli/version.ts';
import { certificateEnd, certificateFacts, ExpiryWatch } from './expiry.ts';
import { FileWatch } from './file-watch.ts';
import { ConfiguredFiles } from './files.ts';
import { healthChecks } from './health.ts';
import { readLimits } from './limits.ts';
import type { ServeOptions } from './options.ts';

/** The server cannot start: what is wrong and what would help, for people. */
export class StartError extends Error {}

export interface AssembledServer {
  /** @returns the URLs it listens on @throws StartError */
  start(): Promise<readonly string[]>;
  /** READY was said: from now on the HTTP listener says that all is well, as long as it is. */
  ready(): void;
  stop(signal: string): Promise<void>;
  /** Reads certificates, passwords, peers and policy again; what is wrong is told, and the old ones stay. */
  reload(): void;
}

/** @throws StartError */
export async function assemble(
  options: ServeOptions,
  diagnostics: StandardErrorLog,
): Promise<AssembledServer> {
  const files = readFiles(options);
  const { credentials } = files;
  requireSomeWayIn(options, credentials);
  requireHttpCredentials(options, credentials);
  warnOfPlaintext(options, credentials, (url) =>
    diagnostics.warn(
      { url },
      'passwords are not taken here from other machines; use tls:// or --allow-plaintext',
    ),
  );
  const interfaces = findDevices(diagnostics);
  const limits = readLimits(options.limits, options);
  const congestion = findCongestion(options, limits, diagnostics);
  const journal = openLog(options);
  const lines = journal.records();
  const folded = foldLog(lines, MACHINES, sha256);
  const { verdict } = folded;
  if (verdict.kind !== 'ok') {
    await journal.store.close();
    throw new StartError(explain(options.log, lines.segment, verdict));
  }
  if (journal.report.tornBytes > 0) {
    diagnostics.warn(
      { bytes: journal.report.tornBytes },
      'the last line of the log was torn and has been cut off',
    );
  }
  const secretStore = await openSecrets(options, journal);
  const clock = realClock();
  const chance = realChance();
  const boot = chance.id(8);
  const recorder = new Recorder({
    store: journal.store,
    clock,
    digest: sha256,
    boot,
    sync: options['log-sync'] ?? 'interval',
    diagnostics,
    head: verdict.head,
    live: folded.fold.live(),
    ...(options['log-segment-bytes'] === undefined ? {} : { segmentBytes: options['log-segment-bytes'] }),
  });
  const server = new Server({
    name: options.name,
    version: programVersion(),
    boot,
    pid: process.pid,
    limits,
    configuration: configuration(options, files),
    network: realNetwork({
      kernel: kernelSockets({
        congestion,
        unbounded: ({ code }) =>
          diagnostics.warn(
            { error: code },
            'the kernel does not bound what waits unsent: pings may be slow under load',
          ),
        refused: ({ message }) =>
          diagnostics.warn({ error: message }, 'the kernel does not give a wire its congestion control'),
      }),
      tls: () => credentials.tls,
      diagnostics,
    }),
    interfaces,
    clock,
    chance,
    authenticator: credentials,
    secretStore,
    diagnostics,
    recorder,
    checks: healthChecks({
      log: options.log,
      certificate: () => credentials.ownCertificate,
      diagnosticsDropped: () => diagnostics.dropped,
    }),
    facts: () => [
      ['diagnostics_dropped', String(diagnostics.dropped)],
      ...certificateFacts(credentials.ownCertificate),
    ],
  });
  const fileWatch = new FileWatch(recorder, secretStore, clock, diagnostics);
  const expiry = new ExpiryWatch(files, clock, diagnostics);
  let ready = false;
  let http: Listener | undefined;
  const openHttp = async (url: string) => {
    // The library of metrics is loaded where it is wanted only.
    const { serveHttp } = await import('./http/serve-http.ts');
    http = await serveHttp(url, {
      server,
      diagnostics,
      material: () => credentials.tls,
      ready: () => ready,
      beside: () => ({
        diagnosticsDropped: diagnostics.dropped,
        certificateEnds: certificateEnd(credentials.ownCertificate),
      }),
    });
    diagnostics.info({ url: http.url }, 'metrics and health by HTTP');
  };
  return {
    async start() {
      try {
        if (options.http !== undefined) await openHttp(options.http);
      } catch (error) {
        await journal.store.close();
        throw new StartError((error as Error).message);
      }
      expiry.start();
      fileWatch.start();
      try {
        const urls = await server.start({
          listen: options.listen,
          resume: options.resume ?? true,
          live: new Map(folded.fold.live()),
          tornBytes: journal.report.tornBytes,
        });
        // What is told of the start follows from its records as well: they come first.
        await new Promise<void>((written) => recorder.unrecorded(written));
        return urls;
      } catch (error) {
        await http?.close();
        await journal.store.close();
        throw new StartError((error as Error).message);
      }
    },
    ready() {
      ready = true;
    },
    async stop(signal) {
      ready = false;
      await http?.close();
      expiry.stop();
      fileWatch.stop();
      return server.stop(signal);
    },
    reload() {
      try {
        files.reload();
        server.record({ type: 'reloaded', files: files.names });
        diagnostics.info({ files: files.names }, 'read again');
        expiry.look();
      } catch (error) {
        const why = (error as Error).message;
        server.record({ type: 'reload-refused', why });
        diagnostics.error({ error: why }, 'not read again; what was read before stays');
      }
    },
  };
}

function readFiles(options: ServeOptions): ConfiguredFiles {
  const password = process.env.VNET_PASSWORD;
  // What was read is all that is needed: children must not inherit the secret.
  delete process.env.VNET_PASSWORD;
  try {
    return new ConfiguredFiles(options, password);
  } catch (error) {
    throw new StartError((error as Error).message);
  }
}

/** A server that nobody can say HELLO to is a mistake, and one that listens on tls:// without a certificate too. */
function requireSomeWayIn(options: ServeOptions, { passwords, certificates, tls }: Credentials): void {
  const onTls = options.listen.some((url) => /^tls:/i.test(url));
  if (onTls && tls.own === undefined) {
    throw new StartError('a tls:// listener needs --cert and --key; `vnet keygen DIR` makes both');
  }
  const onUnix = options.listen.some((url) => /^unix:/i.test(url));
  if (passwords || (certificates && onTls) || onUnix) return;
  throw new StartError(
    'nobody could say HELLO to this server: give it --password-file F (or the variable VNET_PASSWORD), ' +
      'or --authorized F with a tls:// listener, or a unix:// listener',
  );
}

/** Refuses a listener that nobody could read the metrics of, or that has no certificate to show. */
function requireHttpCredentials({ http }: ServeOptions, { passwords, tls }: Credentials): void {
  if (http === undefined) return;
  const url = parseHttpUrl(http);
  if (url.scheme === 'https' && tls.own === undefined) {
    throw new StartError(`--http ${http} needs --cert and --key; \`vnet keygen DIR\` makes both`);
  }
  if (isPrivate(url) || passwords) return;
  throw new StartError(
    `nobody could read the metrics on ${http}: other machines need a password there; ` +
      'give --password-file F (or the variable VNET_PASSWORD), or a loopback address',
  );
}

function warnOfPlaintext(
  options: ServeOptions,
  { passwords }: Credentials,
  warn: (url: string) => void,
): void {
  if (options['allow-plaintext'] || !passwords) return;
  for (const url of options.listen) {
    const parsed = parseListenUrl(url);
    if (parsed.ok && parsed.value.scheme === 'tcp' && !isLoopback(parsed.value.host)) warn(url);
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || isLoopbackAddress(host);
}

function findDevices(diagnostics: Diagnostics): Devices {
  try {
    return kernelDevices(diagnostics);
  } catch (error) {
    throw new StartError((error as Error).message);
  }
}

function findCongestion(
  { congestion: asked }: ServeOptions,
  { spreadRtt }: Limits,
  diagnostics: Diagnostics,
): Congestion {
  try {
    const found = congestionFor(asked, spreadRtt * MICROS_PER_MS);
    if (found.lacking !== undefined) {
      diagnostics.info({ error: found.lacking }, "wires keep the kernel's own congestion control");
    }
    return found;
  } catch (error) {
    throw new StartError(`--congestion ${asked}: ${(error as Error).message}`);
  }
}

function openLog(options: ServeOptions): OpenJournal {
  const { 'log-retain-bytes': retainBytes, 'log-retain-days': days } = options;
  try {
    return openJournal(options.log, {
      ...(retainBytes === undefined ? {} : { retainBytes }),
      ...(days === undefined ? {} : { retainMilliseconds: days * DAY_MS }),
    });
  } catch (error) {
    if (error instanceof DamagedLog) throw new StartError(`${error.message}\n${REPAIR}`);
    if (error instanceof LogInUse) throw new StartError(error.message);
    throw new StartError(
      `cannot open the log in ${options.log}: ${fileProblem(error) ?? (error as Error).message}`,
    );
  }
}

/** Where the passwords of Handlers outlive a crash. */
async function openSecrets({ log }: ServeOptions, journal: OpenJournal): Promise<FileSecretStore> {
  try {
    return openSecretStore(join(log, 'secrets.json'));
  } catch (error) {
    await journal.store.close();
    throw new StartError((error as Error).message);
  }
}

function explain(dir: string, segment: number, verdict: Exclude<Verdict, { kind: 'ok' }>): string {
  if (verdict.kind === 'damaged') {
    return `${new DamagedLog(dir, segment, verdict.record, verdict.why).message}\n${REPAIR}`;
  }
  const { seq, actor, why } = verdict.mismatch;
  const where = `segment ${segmentName(segment)}, record ${seq} (${actor})`;
  return `the log in ${dir} does not agree with this version of the program: ${where}: ${why}\n${REPAIR}`;
}

const MICROS_PER_MS = 1000;
const DAY_MS = 86_400_000;
const REPAIR = '`vnet log repair DIR` shows what can be kept';

function configuration(options: ServeOptions, files: ConfiguredFiles): Configuration {
  return {
    allowPlaintext: options['allow-plaintext'] ?? false,
    peer: (name) => files.credentials.peers.get(name),
    forbids: (identity, command, handlers) => files.policy.forbids(identity, command, handlers),
  };
}
