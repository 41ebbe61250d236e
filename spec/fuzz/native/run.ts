/** The addon under attack, with AddressSanitizer and UBSan: calls that nobody should make, and peers that mean no good. */
import { buildSanitized, reportIn, runAlone, sanitizedEnvironment } from './sanitizers.ts';

/** How the attack ended. */
export interface Attack {
  readonly what: string;
  /** What was done how often, as the program told. */
  readonly counts: Readonly<Record<string, number>>;
  /** What was found, undefined when nothing was. */
  readonly found?: string;
}

/** What start, last round and orderly end may take beside the seconds that were asked for. */
const GRACE_SECONDS = 120;

/**
 * Half of the time calls, half of it peers. To be run with the right to make network namespaces.
 * @throws CommandError when the addon cannot be built
 */
export async function attackNative(seconds: number, seed: number): Promise<Attack[]> {
  await buildSanitized();
  const half = String(seconds / 2);
  return [
    await attack('calls', 'fuzz/native/calls.ts', half, seed, sanitizedEnvironment()),
    // Of these the server runs with the sanitizers, and its pcap child.
    await attack('peers', 'fuzz/native/peers.ts', half, seed, {}),
  ];
}

async function attack(
  what: string,
  file: string,
  seconds: string,
  seed: number,
  env: Readonly<Record<string, string>>,
): Promise<Attack> {
  const { status, signal, stdout, stderr } = await runAlone(
    file,
    [seconds, String(seed)],
    env,
    Number(seconds) + GRACE_SECONDS,
  );
  if (status === 0) return { what, counts: JSON.parse(stdout) as Record<string, number> };
  const found = reportIn(stderr) ?? (stderr.slice(-6000) || `ended by ${signal ?? status}`);
  return { what, counts: {}, found };
}
