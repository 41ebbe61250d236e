/** What CHECK? tells of the process and the machine around the server. */
import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Check } from '../../../actors/session/world.ts';
import { WARN_DAYS } from './expiry.ts';

const NET_ADMIN = 12n;
const NET_RAW = 13n;
const MIB = 1 << 20;
const LITTLE_ROOM = 1024 * MIB;
const NO_ROOM = 64 * MIB;
const NEARLY = 0.8;
const BUSY = 0.8;

export interface Surroundings {
  /** Directory of the log. */
  readonly log: string;
  certificate(): { readonly daysLeft: number; readonly validTo: string } | undefined;
  /** Diagnostics that could not be written. */
  diagnosticsDropped(): number;
}

export function healthChecks({ log, certificate, diagnosticsDropped }: Surroundings): () => Check[] {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return [
      looked('rights', rights),
      tun(),
      looked('disk', () => disk(log)),
      looked('descriptors', descriptors),
      busy(utilization),
      ...expiry(certificate()),
      ...diagnostics(diagnosticsDropped()),
    ];
  };
}

const check = (subject: string, verdict: Check['verdict'], text: string): Check => ({
  subject,
  verdict,
  text,
});

/** What cannot be looked at is not well: the log's disk may be gone, or no descriptor be left to open anything. */
function looked(subject: string, look: () => Check): Check {
  try {
    return look();
  } catch (error) {
    return check(subject, 'fail', `it cannot be looked at: ${(error as Error).message}`);
  }
}

function rights(): Check {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const has = (bit: bigint) => ((BigInt(`0x${hex}`) >> bit) & 1n) === 1n;
  const missing = [...(has(NET_ADMIN) ? [] : ['CAP_NET_ADMIN']), ...(has(NET_RAW) ? [] : ['CAP_NET_RAW'])];
  if (missing.length === 0) return check('rights', 'ok', 'CAP_NET_ADMIN and CAP_NET_RAW are there');
  return check(
    'rights',
    'warn',
    `${missing.join(' and ')} missing: TAP interfaces cannot be made, or interfaces not be captured; start it as root, or with AmbientCapabilities= in its unit`,
  );
}

function tun(): Check {
  return existsSync('/dev/net/tun')
    ? check('tun', 'ok', '/dev/net/tun is there')
    : check('tun', 'warn', '/dev/net/tun is missing: tap: devices cannot be made; modprobe tun');
}

function disk(log: string): Check {
  const { bavail, bsize } = statfsSync(log);
  const left = bavail * bsize;
  const text = `${Math.floor(left / MIB)} MiB left where the log is (${log})`;
  if (left < NO_ROOM)
    return check('disk', 'fail', `${text}: the log stops when it is full; make room, or --log-retain-bytes`);
  if (left < LITTLE_ROOM) return check('disk', 'warn', `${text}: --log-retain-bytes bounds what is kept`);
  return check('disk', 'ok', text);
}

function descriptors(): Check {
  const open = readdirSync('/proc/self/fd').length;
  const most = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  const limit = most === undefined ? Number.POSITIVE_INFINITY : Number(most);
  const near = open >= limit * NEARLY;
  const text = `${open} descriptors of at most ${limit}`;
  return check('descriptors', near ? 'warn' : 'ok', near ? `${text}: raise LimitNOFILE= of the unit` : text);
}

function busy(share: number): Check {
  const percent = Math.round(share * 100);
  if (share < BUSY)
    return check('processor', 'ok', `the server was busy ${percent} % of the time since the last check`);
  const text = `the server was busy ${percent} % of the time since the last check: it carries as much as one core can; a second server takes another core`;
  return check('processor', 'warn', text);
}

function expiry(certificate: ReturnType<Surroundings['certificate']>): Check[] {
  if (certificate === undefined) return [];
  const { daysLeft, validTo } = certificate;
  if (daysLeft < 0)
    return [
      check('certificate', 'fail', `expired on ${validTo}: nobody accepts it; \`vnet keygen\`, then SIGHUP`),
    ];
  const verdict = daysLeft < WARN_DAYS ? 'warn' : 'ok';
  return [check('certificate', verdict, `good until ${validTo}, ${Math.floor(daysLeft)} days`)];
}

function diagnostics(dropped: number): Check[] {
  if (dropped === 0) return [];
  return [
    check(
      'diagnostics',
      'warn',
      `${dropped} lines could not be written to standard error: is its reader gone, or its disk full?`,
    ),
  ];
}
