import { ownProgram } from '../../io/project.ts';
import type { Lab } from './lab.ts';
import type { Program } from './program.ts';
import { RAW_FRAMES } from './raw-frames.ts';
import { waitUntil } from './wait.ts';

/** Runs a script of this folder the way this process itself runs: built, or by the loader in `execArgv`. */
function script(name: string): string[] {
  return [process.execPath, ...process.execArgv, ownProgram(`tools/lab/${name}`)];
}

export interface TransferEnd {
  readonly bytes: number;
  readonly sha256: string;
  readonly seconds: number;
}

export interface Transfer {
  readonly sent: TransferEnd;
  readonly received: TransferEnd;
  /** Mbit/s at the receiver. */
  readonly rate: number;
}

const lastLine = (program: Program): TransferEnd => {
  const line = program.stdout.trim().split('\n').at(-1) ?? '';
  return JSON.parse(line) as TransferEnd;
};

/** Where to send from and to, and how much. */
export interface Way {
  readonly from: string;
  readonly to: string;
  readonly address: string;
  /** 5201 when left out. */
  readonly port?: number;
  readonly bytes: number;
  /** Milliseconds for all of it; 60,000 when left out. */
  readonly deadline?: number;
  /** Told once a second how many bytes have arrived. */
  readonly tell?: (bytes: number) => void;
}

/** Bytes that the receiver said last it has. */
const arrived = (receiver: Program): number =>
  Number(/^RECEIVED (\d+)$/m.exec(receiver.stdout.slice(receiver.stdout.lastIndexOf('RECEIVED')))?.[1] ?? 0);

/**
 * Sends `bytes` random bytes by TCP from one namespace to an address in another one.
 * @throws Error when either end fails or the deadline is over
 */
export async function transfer(lab: Lab, way: Way): Promise<Transfer> {
  const port = way.port ?? 5201;
  const limit = way.deadline ?? 60_000;
  const cwd = process.cwd();
  const receiver = lab.spawn(way.to, [...script('transfer'), 'receive', String(port)], { cwd });
  const ticker = setInterval(() => way.tell?.(arrived(receiver)), 1000);
  try {
    await receiver.waitFor(/LISTENING/);
    const sender = lab.spawn(
      way.from,
      [...script('transfer'), 'send', way.address, String(port), String(way.bytes)],
      {
        cwd,
      },
    );
    try {
      await sender.waitFor(/\{.*\}\n/, limit);
    } finally {
      await sender.kill();
    }
    await receiver.waitFor(/\{.*\}\n/, 10_000);
    const received = lastLine(receiver);
    return { sent: lastLine(sender), received, rate: (received.bytes * 8) / received.seconds / 1e6 };
  } finally {
    clearInterval(ticker);
    await receiver.kill();
  }
}

export interface PingResult {
  readonly sent: number;
  /** Replies that were the first to their request. */
  readonly received: number;
  /** Replies beyond the first: a frame went twice. */
  readonly duplicates: number;
  readonly output: string;
}

export interface PingOptions {
  /** Requests that count; 3 when left out. More are sent while some of them are not answered. */
  readonly count?: number;
  /** Bytes of ICMP payload; 56 when left out. */
  readonly size?: number;
  /** Forbid fragments. */
  readonly whole?: boolean;
  /** Seconds between requests; 0.05 when left out. */
  readonly interval?: number;
  /** Seconds to wait for the last reply, rounded together with the time of sending to whole ones; 2 when left out. */
  readonly wait?: number;
  readonly from?: string;
}

/** Pings from a namespace, IPv4 or IPv6, and counts. Never throws for lost replies. */
export async function ping(
  lab: Lab,
  ns: string,
  address: string,
  options: PingOptions = {},
): Promise<PingResult> {
  // Without -w ping leaves two round trips after its last request: on a busy machine an answer may be later than that.
  // With -w it goes on asking until so many are answered. One more than is asked for, which does not count: a second
  // answer to the last would come behind the end.
  const sent = options.count ?? 3;
  const interval = options.interval ?? 0.05;
  const deadline = Math.max(1, Math.round(sent * interval + (options.wait ?? 2)));
  const command = ['ping', '-n', '-c', String(sent + 1), '-i', String(interval)];
  command.push('-w', String(deadline), '-s', String(options.size ?? 56));
  if (options.whole) command.push('-M', 'do');
  if (options.from !== undefined) command.push('-I', options.from);
  const { stdout, stderr } = await lab.run(ns, [...command, address], { anyStatus: true });
  const answers = [...stdout.matchAll(/icmp_seq=(\d+) .*time=/g)].map((match) => Number(match[1]));
  const distinct = new Set(answers);
  const received = [...distinct].filter((sequence) => sequence <= sent).length;
  const duplicates = answers.length - distinct.size;
  return { sent, received, duplicates, output: stdout + stderr };
}

/** Pings until so many requests in a row, 1 when left out, are answered. @throws DeadlineError after 10 s */
export async function waitForPing(lab: Lab, ns: string, address: string, count = 1): Promise<void> {
  await waitUntil(async () => (await ping(lab, ns, address, { count, wait: 1 })).received === count, {
    what: `${address} to be reached from ${ns}`,
  });
}

/**
 * Sends these frames (hex, from the destination address on, tags included) out of an interface, in order, all of them
 * so many `times`. @throws CommandError when one cannot be sent
 */
export async function sendFrames(
  lab: Lab,
  ns: string,
  dev: string,
  frames: readonly string[],
  times = 1,
): Promise<void> {
  const command = ['python3', '-c', RAW_FRAMES, 'send', dev, String(times)];
  await lab.run(ns, command, { input: `${frames.join('\n')}\n` });
}

/**
 * Listens on an interface and prints, one hex line each, the frames that contain `pattern` (hex, at a byte boundary),
 * with their 802.1Q tags put back. The program is ready when this returns.
 */
export async function sniff(lab: Lab, ns: string, dev: string, pattern = ''): Promise<Program> {
  const program = lab.spawn(ns, ['python3', '-u', '-c', RAW_FRAMES, 'sniff', dev, pattern]);
  await program.waitFor(/^READY$/m);
  return program;
}

/** The frames that a sniffer has printed so far. */
export const sniffed = (program: Program): string[] =>
  program.stdout
    .split('\n')
    .slice(0, -1)
    .filter((line) => line !== 'READY');

/** A DHCP lease that a client in a namespace got and set on its interface. */
export interface Lease {
  readonly address: string;
  readonly router: string;
  readonly output: string;
}

/** What udhcpc(8) runs for each event: sets address and default route, and says so. */
export const LEASE_SCRIPT = `#!/bin/sh
case $1 in
  deconfig) ip link set "$interface" up; ip -4 address flush dev "$interface" ;;
  bound|renew)
    ip address replace "$ip/\${mask:-24}" broadcast + dev "$interface"
    [ -n "$router" ] && ip route replace default via "\${router%% *}" dev "$interface"
    echo "LEASE $ip \${router%% *}" ;;
esac
`;

/** Asks for an address by DHCP. @throws CommandError when nobody gives one within `tries` times a second */
export async function askForLease(lab: Lab, ns: string, dev: string, tries = 10): Promise<Lease> {
  const lines = `f=$(mktemp) && cat >"$f" && chmod +x "$f" && udhcpc -f -q -n -t ${tries} -T 1 -i "$0" -s "$f"; r=$?; rm -f "$f"; exit $r`;
  const { stdout, stderr } = await lab.run(ns, ['sh', '-c', lines, dev], { input: LEASE_SCRIPT });
  const [, address = '', router = ''] = /^LEASE (\S+) ?(\S*)$/m.exec(stdout) ?? [];
  return { address, router, output: stderr + stdout };
}

/** A DHCP server (dnsmasq) on an interface; ready when this returns. */
export async function serveLeases(
  lab: Lab,
  ns: string,
  lan: { dev: string; first: string; last: string; router: string },
): Promise<Program> {
  const program = lab.spawn(ns, [
    'dnsmasq',
    // Stays in the foreground and does not try to change its user, which a user namespace would not allow.
    '--no-daemon',
    '--conf-file=/dev/null',
    '--port=0',
    '--pid-file=',
    '--log-facility=-',
    '--log-dhcp',
    '--no-ping',
    `--dhcp-leasefile=${lab.folder}/leases.${ns}`,
    `--interface=${lan.dev}`,
    '--bind-interfaces',
    `--dhcp-range=${lan.first},${lan.last},255.255.255.0,1h`,
    `--dhcp-option=option:router,${lan.router}`,
    '--dhcp-authoritative',
  ]);
  await program.waitFor(/DHCP, (IP range|sockets)/, 10_000, 'stderr');
  return program;
}
