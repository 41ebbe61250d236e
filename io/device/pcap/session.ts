/** The part of npm `pcap` that we use, and what has to be known about it (version 3.1.0). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import pcap from 'pcap';
import { LONGEST_FRAME } from './records.ts';

/**
 * In immediate mode libpcap gives each frame a slot of the ring, as long as the longest frame: the MTU where the
 * interface has no offloads, else `SNAP_LENGTH`, for which the kernel takes 128 KiB. So this is 32 MiB and some
 * 20,000 frames, or 64 MiB and 512 frames.
 */
const RING_BYTES = 32 * 1024 * 1024;
const SNAP_LENGTH = LONGEST_FRAME + 25;

interface Native {
  /** Reads until the ring is empty; < 0 for an error, -2 when the session was told to close, and then it is. */
  dispatch(buffer: Buffer, header: Buffer): number;
  read_callback: () => void;
}

/** Its public typing leaves out what is needed to notice errors and to close. */
interface Session {
  readonly link_type: string;
  readonly session: Native;
  buf: Buffer;
  header: Buffer;
  on(event: 'packet', listener: () => void): void;
  close(): void;
  stats(): { ps_drop: number };
  inject(frame: Buffer): void;
}

/** Where a packet socket stands, by /proc/net/packet. */
export type SocketState = 'up' | 'down' | 'deleted';

/** Its poll handle stays registered with the event loop for ever, so the memory that it lies in must stay, too. */
const neverCollected: Session[] = [];

/** One open libpcap session. */
export class Capture {
  readonly #session: Session;
  readonly #inode: string;
  #closed = false;

  /**
   * @param onFrame a frame lies at the head of the buffer, only during the call; `length` is what the frame had on
   *   the interface, and more than `captured` when it did not come whole
   * @param onStill the ring is empty, or could not be read: time to look at `state()`
   * @throws Error with libpcap's text
   */
  constructor(
    ifname: string,
    onFrame: (buffer: Buffer, captured: number, length: number) => void,
    onStill: () => void,
  ) {
    pcap.warningHandler = () => undefined; // it warns of every interface without an IPv4 address
    const before = new Set(socketInodes());
    const session = pcap.createSession(ifname, {
      buffer_timeout: 0, // immediate mode
      buffer_size: RING_BYTES,
      snap_length: SNAP_LENGTH,
      promiscuous: true,
    }) as unknown as Session;
    neverCollected.push(session);
    this.#session = session;
    this.#inode = socketInodes().find((inode) => !before.has(inode)) ?? '';
    const { buf, header } = session;
    session.on('packet', () => onFrame(buf, header.readUInt32LE(8), header.readUInt32LE(12)));
    session.session.read_callback = () => {
      session.session.dispatch(buf, header);
      onStill();
    };
  }

  get linkType(): string {
    return this.#session.link_type;
  }

  /** @throws Error without a cause: the library does not tell it */
  inject(frame: Buffer): void {
    this.#session.inject(frame);
  }

  /** Frames dropped because the ring was full, since it was opened. */
  drops(): number {
    return this.#session.stats().ps_drop;
  }

  /** After `down` the library never reads again: close it and open another one. */
  state(ifindex: number): SocketState {
    for (const line of readFileSync('/proc/net/packet', 'utf8').split('\n')) {
      const [, , , , iface, running, , , inode] = line.trim().split(/\s+/);
      if (inode !== this.#inode) continue;
      if (iface !== String(ifindex)) return 'deleted';
      return running === '1' ? 'up' : 'down';
    }
    return 'deleted';
  }

  /** The library closes on the next read only, which never comes on an interface that is still: so read once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#session.close();
    this.#session.session.dispatch(this.#session.buf, this.#session.header);
    this.#session.buf = this.#session.header = Buffer.alloc(0);
  }
}

function socketInodes(): string[] {
  const inodes: string[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    const inode = /^socket:\[(\d+)\]$/.exec(target(fd))?.[1];
    if (inode !== undefined) inodes.push(inode);
  }
  return inodes;
}

function target(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // the descriptor of the listing itself
  }
}
