/**
 * The program that holds one pcap session: `child.ts IFNAME IFINDEX`. It lives in a process of its own because a
 * session cannot be closed or interrupted from within, and because raw sockets are better kept out of the server.
 *
 *     interface ══ libpcap ══ this process ══ frames, both ways (descriptor 4) ══ parent
 *                                    └────── what else there is to say (channel of fork) ──┘
 *
 * It ends by SIGKILL, or when the parent does. The signals that a terminal or a service manager sends to all
 * processes at once are the parent's to answer: it still has to say goodbye to its peers.
 */
import { addon } from '../addon.ts';
import { DATAGRAMS_MERGED, FRAMES_TOO_LONG } from '../advice.ts';
import { FramePipe } from './frame-pipe.ts';
import { FRAMES_FD, type FromChild } from './messages.ts';
import { LEAST_FRAME, LONGEST_FRAME } from './records.ts';
import { SegmentSizes } from './segment-sizes.ts';
import { Capture } from './session.ts';

const HOUSEKEEPING_MS = 1000;
const DOWN_POLL_MS = 100;
/** TPID of IEEE 802.1Q tags. */
const DOT1Q = 0x8100;

// SIGUSR1 would open Node's debugger.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const)
  process.on(signal, () => undefined);

class Child {
  #capture: Capture | undefined;
  #sizes: SegmentSizes | undefined;
  readonly #advised = new Set<string>();
  #opened = false;
  #down = false;
  /** Drops of sessions that are closed already, and frames that did not come whole. */
  #earlierDrops = 0;
  #refused = 0;
  #refusedBytes = 0;
  #tooLong = 0;
  #told = '';
  #keptHouseAt = 0;
  /** Of the interface, when it was opened. */
  #mtu = 0;
  readonly #pipe: FramePipe;

  constructor(
    private ifname: string,
    private readonly ifindex: number,
  ) {
    this.#pipe = new FramePipe(FRAMES_FD, {
      inject: (frame) => this.#inject(frame),
      waiting: () => this.#keepHouse(),
      ended: () => process.exit(0),
    });
  }

  run(): void {
    process.on('disconnect', () => process.exit(0));
    this.#open();
    this.#opened = true;
    tell({ kind: 'opened' });
    setInterval(() => this.#keepHouse(true), HOUSEKEEPING_MS);
  }

  /** Opens the interface; one that is down will be tried again. */
  #open(): void {
    this.#findName();
    try {
      const capture = new Capture(
        this.ifname,
        (buffer, captured, length) => this.#captured(buffer, captured, length),
        () => this.#look(),
      );
      this.#capture = capture;
      if (capture.linkType !== 'LINKTYPE_ETHERNET') {
        fail('bad-device', `${this.ifname} carries no Ethernet frames (${capture.linkType})`);
      }
      this.#learnSizes();
      this.#down = false;
      this.#look();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (!/not up|went down/i.test(text)) {
        if (this.#opened) end(`the interface ${this.ifname} cannot be opened again: ${text}`);
        refuse(this.ifname, text);
      }
      this.#waitUntilUp();
    }
  }

  /** libpcap knows interfaces by name, and a name is not for ever: another interface may have it by now. */
  #findName(): void {
    const link = addon().links(this.ifindex)[0];
    if (link !== undefined) {
      this.ifname = link.name;
      this.#mtu = link.mtu;
    } else if (this.#opened) end(`the interface ${this.ifname} was deleted`);
    else fail('no-such-device', `there is no interface ${this.ifname} with the index ${this.ifindex}`);
  }

  #captured(buffer: Buffer, captured: number, length: number): void {
    if (captured < length && length > LONGEST_FRAME) this.#advise(FRAMES_TOO_LONG);
    if (captured < length || length > LONGEST_FRAME || length < LEAST_FRAME) {
      this.#earlierDrops += 1;
      return;
    }
    if (this.#pipe.empty) process.nextTick(() => this.#pipe.flush()); // runs when the ring is empty
    this.#pipe.push(buffer, captured, this.#sizes?.headerOf(buffer, captured));
  }

  #inject(frame: Buffer): void {
    try {
      if (this.#capture === undefined || this.#down) throw new Error('down');
      this.#capture.inject(frame);
      this.#sizes?.injected();
    } catch {
      this.#refused += 1;
      this.#refusedBytes += frame.length;
      if (frame.length > longestTaken(frame, this.#mtu)) this.#tooLong += 1;
    }
  }

  /** Looks what became of the interface. */
  #look(): void {
    const state = this.#capture?.state(this.ifindex);
    if (state === 'deleted') end(`the interface ${this.ifname} was deleted`);
    if (state === 'down' && !this.#down) this.#waitUntilUp();
  }

  #waitUntilUp(): void {
    this.#down = true;
    setTimeout(() => {
      const state = this.#capture?.state(this.ifindex);
      if (state === 'deleted') end(`the interface ${this.ifname} was deleted`);
      if (state === 'down') return this.#waitUntilUp();
      this.#closeCapture();
      this.#open();
    }, DOWN_POLL_MS);
  }

  /** Behind the capture: the kernel gives frames to the younger one first. */
  #learnSizes(): void {
    try {
      this.#sizes = new SegmentSizes(this.ifindex);
    } catch {
      this.#advise(DATAGRAMS_MERGED);
    }
  }

  /** Tells the user, once. */
  #advise(text: string): void {
    if (this.#advised.has(text)) return;
    this.#advised.add(text);
    tell({ kind: 'advice', text });
  }

  #closeCapture(): void {
    this.#sizes?.close();
    this.#sizes = undefined;
    this.#earlierDrops += this.#capture?.drops() ?? 0;
    this.#capture?.close();
    this.#capture = undefined;
  }

  /** Now and then: says what the counters are, and notices what no event told of. */
  #keepHouse(now = false): void {
    const time = performance.now();
    if (!now && time - this.#keptHouseAt < HOUSEKEEPING_MS) return;
    this.#keptHouseAt = time;
    this.#look();
    const counters: FromChild = {
      kind: 'counters',
      drops: this.#earlierDrops + (this.#capture?.drops() ?? 0),
      refused: this.#refused,
      refusedBytes: this.#refusedBytes,
      tooLong: this.#tooLong,
    };
    const text = JSON.stringify(counters);
    if (text === this.#told) return;
    this.#told = text;
    tell(counters);
  }
}

/** What the kernel takes for injection: one VLAN tag beside the MTU, of TPID 0x8100 only (packet(7)). */
function longestTaken(frame: Buffer, mtu: number): number {
  return mtu + LEAST_FRAME + (frame.readUInt16BE(12) === DOT1Q ? 4 : 0);
}

function tell(message: FromChild): void {
  process.send?.(message);
}

/** Says why it could not begin and ends. */
function fail(reason: (FromChild & { kind: 'failed' })['reason'], text: string): never {
  tell({ kind: 'failed', reason, text });
  process.exit(1);
}

function end(text: string): never {
  tell({ kind: 'gone', text });
  process.exit(1);
}

/** What libpcap's words mean to a user. */
function refuse(ifname: string, text: string): never {
  if (/no such device/i.test(text)) {
    fail('no-such-device', `there is no interface ${ifname} (libpcap: ${text})`);
  }
  if (/permission|not permitted|CAP_NET_RAW/i.test(text)) {
    fail('forbidden', `capturing on ${ifname} needs the capability CAP_NET_RAW (libpcap: ${text})`);
  }
  fail('internal', `libpcap cannot open ${ifname}: ${text}`);
}

const [ifname, ifindex] = process.argv.slice(2);
if (ifname === undefined || ifindex === undefined || process.send === undefined) {
  process.stderr.write(
    'usage: forked by io/device/pcap-device.ts with the name and the index of an interface\n',
  );
  process.exit(2);
}
new Child(ifname, Number(ifindex)).run();
