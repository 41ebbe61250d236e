/**
 * Capture and injection by libpcap, through npm `pcap` in a child process: one per device.
 *
 * It works everywhere libpcap does and asks nothing of the kernel beyond it. In return it knows no virtio header
 * (`unfinished`), no filter in the kernel that could be set from here, and one system call injects one frame.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Inbound } from './pcap/inbound.ts';
import { FRAMES_FD, type FromChild } from './pcap/messages.ts';
import { Outbound } from './pcap/outbound.ts';
import { SlabPool } from './pcap/slabs.ts';
import {
  type BpfInstruction,
  DeviceError,
  type DeviceSink,
  type FrameDevice,
  type InterfaceInfo,
  type WriteOutcome,
} from './ports.ts';

const OPEN_DEADLINE_MS = 10_000;
/** Of what the child says on standard error, the last so many characters are kept for its obituary. */
const LAST_WORDS = 2000;

/**
 * Opens an interface of this network namespace by libpcap. An interface that is down is opened, too, and carries
 * frames once it is up. @throws DeviceError `no-such-device`, `forbidden` (CAP_NET_RAW is missing), `bad-device`
 * (no Ethernet) or `internal`, with libpcap's text
 */
export async function openPcap(info: InterfaceInfo): Promise<FrameDevice> {
  const child = forkChild(info);
  const device = new PcapDevice(info, child);
  try {
    await device.opened;
    return device;
  } catch (error) {
    await device.close();
    throw error;
  }
}

export class PcapDevice implements FrameDevice {
  readonly backend = 'pcap';
  readonly ifname: string;
  readonly ifindex: number;
  readonly mtu: number;
  readonly takesOffload = false;
  readonly unfinished = true;
  /** Settles when the child has the interface open, or cannot have it. */
  readonly opened: Promise<void>;

  readonly #socket: Socket;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #exited: Promise<void>;
  #sink: DeviceSink | undefined;
  #dead = false;
  /** Why it is gone, while nobody can be told yet. */
  #untold: string | undefined;
  #drops = 0;
  #lastWords = '';

  constructor(
    info: InterfaceInfo,
    private readonly child: ChildProcess,
  ) {
    this.ifname = info.name;
    this.ifindex = info.ifindex;
    this.mtu = info.mtu;
    const pool = new SlabPool();
    this.#inbound = new Inbound(pool);
    this.#socket = adopt(child, {
      buffer: () => this.#inbound.space(),
      callback: (bytes) => this.#took(bytes),
    });
    this.#outbound = new Outbound(this.#socket, pool);
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve()); // it never ran
    });
    child.stderr?.on('data', (text: Buffer) => {
      this.#lastWords = (this.#lastWords + text.toString()).slice(-LAST_WORDS);
    });
    this.opened = this.#opening();
    this.#socket.on('error', () => undefined); // its end is told by the child's
    child.on('message', (message) => this.#hear(message as FromChild));
    child.once('exit', (code, signal) => this.#gone(this.#obituary(code, signal)));
  }

  start(sink: DeviceSink): void {
    if (this.#sink !== undefined) throw new Error(`the device ${this.ifname} was started already`);
    this.#sink = sink;
    if (this.#untold !== undefined) queueMicrotask(() => sink.gone(this.#untold!));
    else this.resume();
  }

  pause(): void {
    if (!this.#dead) this.#socket.pause();
  }

  resume(): void {
    if (!this.#dead && this.#sink !== undefined) this.#socket.resume();
  }

  /**
   * Hands the frames on to the child. What the kernel refuses there is known later only, and is charged to a later
   * call: that one counts as many frames less as `written` and more as `refused`, so that the totals are right.
   */
  write(buffer: Buffer, start: number, end: number): WriteOutcome {
    return this.#dead ? this.#outbound.nothing() : this.#outbound.write(buffer, start, end);
  }

  /** Nothing: libpcap tells the kernel neither way. */
  setOffload(_on: boolean): void {}

  /** Nothing: the library takes filters as text only. */
  setFilter(_program: readonly BpfInstruction[] | null): void {}

  /** As of the last second at most. */
  kernelDrops(): number {
    return this.#drops;
  }

  async close(): Promise<void> {
    this.#end();
    this.child.kill('SIGKILL');
    await this.#exited;
  }

  #took(bytes: number): boolean {
    this.#inbound.took(bytes, (batch) => {
      if (!this.#dead) this.#sink?.frames(batch);
    });
    return true;
  }

  #hear(message: FromChild): void {
    if (message.kind === 'gone') this.#gone(message.text);
    if (message.kind === 'counters') {
      this.#drops = message.drops;
      this.#outbound.charge(message.refused, message.refusedBytes);
    }
  }

  #gone(reason: string): void {
    if (this.#dead) return;
    this.#end();
    this.#untold = reason;
    this.#sink?.gone(reason);
  }

  #end(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#socket.destroy();
    if (this.child.connected) this.child.disconnect();
  }

  #obituary(code: number | null, signal: string | null): string {
    const how = signal === null ? `with status ${code}` : `by ${signal}`;
    const words = this.#lastWords.trim();
    return `the pcap process of ${this.ifname} ended ${how}${words === '' ? '' : `: ${words}`}`;
  }

  async #opening(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const fail = (reason: DeviceError['reason'], text: string) => reject(new DeviceError(reason, text));
        timer = setTimeout(
          () => fail('internal', `libpcap did not open ${this.ifname} in ${OPEN_DEADLINE_MS / 1000} s`),
          OPEN_DEADLINE_MS,
        );
        this.child.on('message', (message) => {
          const said = message as FromChild;
          if (said.kind === 'opened') resolve();
          if (said.kind === 'failed') fail(said.reason, said.text);
          if (said.kind === 'gone') fail('no-such-device', said.text);
        });
        this.child.once('error', (error) => fail('internal', `no process for pcap: ${error.message}`));
        this.child.once('exit', (code, signal) => fail('internal', this.#obituary(code, signal)));
      });
    } finally {
      clearTimeout(timer);
    }
  }
}

function forkChild(info: InterfaceInfo): ChildProcess {
  const source = import.meta.url.endsWith('.ts');
  const program = fileURLToPath(new URL(`./pcap/child.${source ? 'ts' : 'js'}`, import.meta.url));
  return fork(program, [info.name, String(info.ifindex)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'],
    execArgv: source ? loaders(process.execArgv) : [],
    env: environment(),
  });
}

/** Of our own arguments those that a child in TypeScript needs: not a debugger's port, nor code to evaluate. */
function loaders(argv: readonly string[]): string[] {
  const kept: string[] = [];
  for (const [i, word] of argv.entries()) {
    if (/^--(import|require|loader|experimental-loader)=/.test(word)) kept.push(word);
    else if (/^(--(import|require|loader|experimental-loader)|-r)$/.test(word))
      kept.push(word, argv[i + 1] ?? '');
  }
  return kept;
}

/** No secret of ours goes to the child. */
function environment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'TMPDIR', 'NODE_V8_COVERAGE', 'LD_LIBRARY_PATH'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

type OnRead = { buffer: () => Buffer; callback: (bytes: number) => boolean };

/**
 * The parent's end of the frames' pipe. `fork` makes sockets that read into memory of their own, so the handle
 * moves to one that reads into ours. It stays still until `resume`.
 */
function adopt(child: ChildProcess, onread: OnRead): Socket {
  const made = child.stdio[FRAMES_FD] as (Socket & { _handle?: unknown }) | null | undefined;
  if (made?._handle === undefined || made._handle === null) throw new Error('no pipe to the pcap process');
  const handle = made._handle as { readStop(): void; reading: boolean };
  made._handle = null;
  handle.readStop();
  handle.reading = false;
  const options = { handle, readable: true, writable: true, allowHalfOpen: true, manualStart: true, onread };
  return new Socket(options as unknown as import('node:net').SocketConstructorOpts);
}
