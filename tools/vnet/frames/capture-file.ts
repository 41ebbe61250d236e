/**
 * What servers captured as one pcapng file: an interface for each device and one for each wire, the same packet id for
 * the same frame wherever it was seen.
 *
 * The frames of two servers are put in causal order: one that came over a wire stands behind the same one as it went
 * out there. Equal frames of a Handler are told apart by their number: the n-th that goes out is the n-th that comes
 * in. So that a file of both ends is right in this, it has to be begun while the Handler carries nothing, or only
 * frames that differ; a frame whose match does not come within HOLD_MS is written as it is.
 */
import { createHash } from 'node:crypto';
import { type Captured, nanosecondsOf } from './captured.ts';
import { interfaceBlock, packetBlock, sectionHeader } from './pcapng.ts';

export const HOLD_MS = 1_000;
/** Frames on their way that are remembered. */
const MOST_OUT = 65_536;
/** Frames that equal ones are counted of; the one not seen for longest begins anew. */
export const MOST_COUNTED = 131_072;

/** A Handler as one of its servers sees it. */
export interface HandlerPlace {
  /** The server, as it was reached. */
  readonly server: string;
  readonly device: string;
  readonly peer: string;
  /** Bits a second that its wires have delivered of late; undefined: not known. */
  readonly rate?: number;
}

export interface CaptureFileOptions {
  readonly application: string;
  readonly os: string;
  readonly snap: number;
  /** What was asked for, in words; undefined: everything. */
  readonly filter?: string;
  /** What a server, `near` or `far`, knows of a Handler, or of the device that was asked for. */
  place(server: string, handler: string | undefined): HandlerPlace;
  /** Whether frames of two servers come: then those from a wire wait for their match. */
  readonly both: boolean;
  /** Where the file goes. */
  write(bytes: Buffer): void;
}

/** Whether it left over a wire, came over one, or neither. */
type Passage = 'out' | 'in' | 'none';

interface Seen {
  readonly captured: Captured;
  readonly passage: Passage;
  readonly id: bigint;
  /** Milliseconds. */
  readonly since: number;
}

export class CaptureFile {
  readonly #interfaces = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  /** Ids that have gone out, and did not come in yet. */
  readonly #out = new Set<bigint>();
  readonly #waiting: Readonly<Record<Captured['server'], Seen[]>> = { near: [], far: [] };

  constructor(private readonly options: CaptureFileOptions) {
    options.write(sectionHeader(options.application, options.os));
  }

  /** @param now milliseconds, by whatever clock */
  add(captured: Captured, now: number): void {
    const passage = passageOf(captured);
    const seen: Seen = { captured, passage, id: this.#idOf(captured, passage), since: now };
    if (!this.options.both) return this.#write(seen);
    this.#waiting[captured.server].push(seen);
    this.flush(now);
  }

  /**
   * Writes what need not wait, of each server in its order, and what has waited too long for its match; all that waits
   * without a time.
   */
  flush(now = Number.POSITIVE_INFINITY): void {
    while (this.#next('near', now) || this.#next('far', now));
  }

  #next(server: Captured['server'], now: number): boolean {
    const [seen] = this.#waiting[server];
    if (seen === undefined) return false;
    const waits = seen.passage === 'in' && !this.#out.delete(seen.id) && now - seen.since < HOLD_MS;
    if (waits) return false;
    this.#waiting[server].shift();
    this.#write(seen);
    if (seen.passage === 'out') this.#wentOut(seen.id);
    return true;
  }

  /** What never came in is forgotten after a while. */
  #wentOut(id: bigint): void {
    this.#out.add(id);
    forgetOldest(this.#out, MOST_OUT);
  }

  /** 48 bits of the frame's hash, with the Handler and the way it goes, and 16 of its number among equal ones. */
  #idOf({ handler = '', direction, bytes, length, server }: Captured, passage: Passage): bigint {
    // What goes out at one end comes in at the other: they count alike, each for itself.
    const way =
      passage === 'none' ? `${server} ${direction}` : String((server === 'near') === (direction === 'tx'));
    const hash = createHash('sha256').update(`${handler} ${way} ${length} `).update(bytes);
    const key = hash.digest('hex').slice(0, 12);
    const counted = `${key} ${server}`;
    const count = this.#counts.get(counted) ?? 0;
    this.#counts.delete(counted);
    this.#counts.set(counted, count + 1);
    forgetOldest(this.#counts, MOST_COUNTED);
    return (BigInt(`0x${key}`) << 16n) | BigInt(count & 0xffff);
  }

  #write({ captured, id }: Seen): void {
    const { server, handler, direction, verdict, length, gso, bytes } = captured;
    const place = this.options.place(server, handler);
    const device = this.#interface(
      `${server} ${place.device}`,
      place.device,
      `device ${place.device} of server ${place.server}`,
    );
    const time = nanosecondsOf(captured.time);
    const size = gso === undefined ? '' : `; super-frame of segments with ${gso} bytes of data`;
    const put = (at: number, inbound: boolean, comment: string) =>
      this.options.write(
        packetBlock({ interface: at, time, bytes, length, inbound, comment: `${comment}${size}`, id }),
      );
    const who = handler === undefined ? '' : `Handler ${handler}: `;
    const said = verdict === 'carried' || verdict === 'unselected' ? verdict : `dropped, ${verdict}`;
    if (handler === undefined) return put(device, true, 'unselected: no Handler here wants it');
    const wire = this.#wire(server, handler, place);
    put(direction === 'tx' ? device : wire, true, `${who}${said}`);
    if (verdict === 'carried') put(direction === 'tx' ? wire : device, false, `${who}${said}`);
  }

  #wire(server: string, handler: string, { server: at, peer, rate }: HandlerPlace): number {
    const description = `wire of Handler ${handler} between server ${at} and ${peer}`;
    return this.#interface(`${server} ${handler}`, `wire-${handler.slice(0, 8)}`, description, rate);
  }

  #interface(key: string, name: string, description: string, speed?: number): number {
    const known = this.#interfaces.get(key);
    if (known !== undefined) return known;
    const { filter, snap } = this.options;
    const number = this.#interfaces.size;
    this.#interfaces.set(key, number);
    this.options.write(
      interfaceBlock({
        name,
        description,
        snap,
        ...(filter === undefined ? {} : { filter }),
        ...(speed === undefined ? {} : { speed }),
      }),
    );
    return number;
  }
}

function forgetOldest<K>(kept: Map<K, unknown> | Set<K>, most: number): void {
  if (kept.size <= most) return;
  for (const oldest of kept.keys()) {
    kept.delete(oldest);
    return;
  }
}

function passageOf({ handler, direction, verdict }: Captured): Passage {
  if (handler === undefined) return 'none';
  if (direction === 'rx') return 'in';
  return verdict === 'carried' ? 'out' : 'none';
}
