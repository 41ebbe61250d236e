/**
 * By which congestion control wires send (PROTOCOL.md section 6.1).
 *
 * On a way with a length packets are lost now and then, and Linux's default (CUBIC) takes each for a sign to send less; a
 * VM's stream in the wire is then as slow as that. BBR goes by the rate that arrives. It is asked for where the kernel has
 * and allows it: without CAP_NET_ADMIN that is what `net.ipv4.tcp_allowed_congestion_control` lists.
 */

/** `default`: what the kernel gives; a name: that one, on every wire; undefined: BBR on a way with a length. */
export type AskedCongestion = string | undefined;

export interface Congestion {
  /** What wires get; undefined: what the kernel gives them. */
  readonly name: string | undefined;
  /** Only on ways that are at least so long, in microseconds. */
  readonly fromMicros: number;
  /** Why there is none though one would be better, for people. */
  readonly lacking?: string;
}

export const KERNELS_OWN = 'default';
export const LONG_WAYS = 'bbr';
const CHANGED_BACK_UNDER = 0.5;

/** TCP_CA_NAME_MAX of net/tcp.h, without the NUL. */
const LONGEST_NAME = 15;

/**
 * @param longMicros from which length on a way is a long one
 * @param probe whether our sockets may have it; throws an error with `code` when not
 * @throws Error that says why the name that was asked for cannot be had
 */
export function decideCongestion(
  asked: AskedCongestion,
  longMicros: number,
  probe: (name: string) => void,
): Congestion {
  if (asked === KERNELS_OWN) return { name: undefined, fromMicros: 0 };
  const name = asked ?? LONG_WAYS;
  const why = name.length === 0 || name.length > LONGEST_NAME ? unknownTo(name) : refusal(name, probe);
  if (why === undefined) return { name, fromMicros: asked === undefined ? longMicros : 0 };
  if (asked !== undefined) throw new Error(why);
  return { name: undefined, fromMicros: 0, lacking: why };
}

function refusal(name: string, probe: (name: string) => void): string | undefined {
  try {
    probe(name);
    return undefined;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return unknownTo(name);
    if (code !== 'EPERM') return `the congestion control ${name} cannot be had: ${message}`;
    return (
      `the congestion control ${name} is not allowed to this process: it needs CAP_NET_ADMIN, ` +
      `or the name in net.ipv4.tcp_allowed_congestion_control`
    );
  }
}

const unknownTo = (name: string): string =>
  `the kernel has no congestion control ${JSON.stringify(name)}: /proc/sys/net/ipv4/tcp_available_congestion_control ` +
  `lists what it has, and \`modprobe tcp_${/^\w+$/.test(name) ? name : 'NAME'}\` may add it`;

/** What one socket has, and is given. */
export interface CongestionPort {
  /** @throws Error */
  set(name: string): void;
  /** What it has now. */
  get(): string | undefined;
}

/** The congestion control of one wire, by how long its way is. */
export class WireCongestion {
  /** What the kernel had given it, since another one was set. */
  #before: string | undefined;
  #refused = false;

  /** @param refused the kernel does not give it (any more) */
  constructor(
    private readonly wanted: Congestion,
    private readonly port: CongestionPort,
    private readonly refused: (why: Error) => void,
  ) {}

  /**
   * @param lengthMicros shortest round trip known. One that was long for a busy machine only shrinks again; half of what
   *   makes a way long takes the choice back, so that it does not change all the time.
   */
  suit(lengthMicros: number): void {
    const { name, fromMicros } = this.wanted;
    if (name === undefined || this.#refused) return;
    if (this.#before === undefined && lengthMicros >= fromMicros) {
      const before = this.port.get();
      if (this.#set(name)) this.#before = before;
    } else if (this.#before !== undefined && lengthMicros < fromMicros * CHANGED_BACK_UNDER) {
      if (this.#set(this.#before)) this.#before = undefined;
    }
  }

  #set(name: string): boolean {
    try {
      this.port.set(name);
      return true;
    } catch (why) {
      this.#refused = true;
      this.refused(why as Error);
      return false;
    }
  }
}
