/** One run of the child process of a pcap device: from its start to its end, with the frames both ways. */
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { type Batch, DeviceError, type InterfaceInfo, type WriteOutcome } from '../../ports.ts';
import { readTurns } from '../../read-turns.ts';
import { Inbound } from './inbound.ts';
import type { FromChild } from './messages.ts';
import { Outbound, refusedAll } from './outbound.ts';
import { adopt, forkChild } from './process.ts';
import { countRecords } from './records.ts';
import { SlabPool } from './slabs.ts';

const OPEN_DEADLINE_MS = 10_000;
/** Of what the child says on standard error, the last so many characters are kept for its obituary. */
const LAST_WORDS = 2000;

export interface RunEvents {
  /** Whether frames are wanted just now. */
  readonly wanted: () => boolean;
  frames(batch: Batch): void;
  /** What the user should know. */
  advice(text: string): void;
  /** Frames were too long for the interface by their VLAN tags. */
  tooLong(): void;
  /** The interface is not there any more, or cannot be read: nobody can open it again. Told once, and nothing after it. */
  gone(why: string): void;
  /** The process has ended by itself, or was killed. Told once, and nothing after it. */
  died(why: string): void;
}

export class PcapRun {
  /** Settles when the child has the interface open, or cannot have it. */
  readonly opened: Promise<void>;
  /** Frames that the kernel's ring had no room for, as of the last second at most. */
  drops = 0;

  readonly #socket: Socket;
  readonly #turns = readTurns(() => this.#socket);
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #exited: Promise<void>;
  #over = false;
  #lastWords = '';

  /** @throws DeviceError when there is no process to be had */
  static async start(info: InterfaceInfo, events: RunEvents): Promise<PcapRun> {
    return new PcapRun(info, await forkChild(info), events);
  }

  private constructor(
    private readonly info: InterfaceInfo,
    private readonly child: ChildProcess,
    private readonly events: RunEvents,
  ) {
    const pool = new SlabPool();
    this.#inbound = new Inbound(pool);
    this.#socket = adopt(child, {
      buffer: () => this.#inbound.space(),
      callback: (bytes) => this.#took(bytes),
    });
    this.#outbound = new Outbound(this.#socket, pool);
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
    });
    child.stderr?.on('data', (text: Buffer) => {
      this.#lastWords = (this.#lastWords + text.toString()).slice(-LAST_WORDS);
    });
    this.opened = this.#opening();
    this.#socket.on('error', () => undefined); // its end is told by the child's
    child.on('message', (message) => this.#hear(message as FromChild));
    child.on('error', () => undefined); // a signal or a message that it does not get: it is on its way out
    child.once('exit', (code, signal) => {
      if (this.#end()) events.died(this.#obituary(code, signal));
    });
  }

  pause(): void {
    if (!this.#over) this.#socket.pause();
  }

  resume(): void {
    if (this.#over) return;
    this.#socket.resume();
    process.nextTick(() => this.#handOn()); // what was read already when it was paused
  }

  write(buffer: Buffer, start: number, end: number): WriteOutcome {
    if (this.#over) return refusedAll(countRecords(buffer, start, end));
    return this.#outbound.write(buffer, start, end);
  }

  /** Ends it, untold. Resolves when the process is no more. Idempotent. */
  async close(): Promise<void> {
    this.#end();
    this.child.kill('SIGKILL');
    await this.#exited;
  }

  #took(bytes: number): boolean {
    this.#inbound.took(bytes);
    this.#handOn();
    return this.#turns(bytes) && this.events.wanted() && !this.#over; // false stops reading
  }

  #handOn(): void {
    while (this.events.wanted() && !this.#over) {
      const batch = this.#inbound.next();
      if (batch === undefined) return;
      try {
        this.events.frames(batch);
      } finally {
        batch.release();
      }
    }
  }

  #hear(message: FromChild): void {
    if (message.kind === 'gone' && this.#end()) this.events.gone(message.text);
    if (message.kind === 'advice') this.events.advice(message.text);
    if (message.kind === 'counters' && !this.#over) {
      this.drops = message.drops;
      this.#outbound.charge(message);
      if (message.tooLong > 0) this.events.tooLong();
    }
  }

  /** @returns false when it had ended before */
  #end(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#socket.destroy();
    if (this.child.connected) this.child.disconnect();
    return true;
  }

  #obituary(code: number | null, signal: string | null): string {
    const how = signal === null ? `with status ${code}` : `by ${signal}`;
    const words = this.#lastWords.trim();
    return `the pcap process of ${this.info.name} ended ${how}${words === '' ? '' : `: ${words}`}`;
  }

  async #opening(): Promise<void> {
    const { child, info } = this;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const fail = (reason: DeviceError['reason'], text: string) => reject(new DeviceError(reason, text));
        timer = setTimeout(
          () => fail('internal', `libpcap did not open ${info.name} in ${OPEN_DEADLINE_MS / 1000} s`),
          OPEN_DEADLINE_MS,
        );
        child.on('message', (message) => {
          const said = message as FromChild;
          if (said.kind === 'opened') resolve();
          if (said.kind === 'failed') fail(said.reason, said.text);
          if (said.kind === 'gone') fail('no-such-device', said.text);
        });
        child.once('exit', (code, signal) => fail('internal', this.#obituary(code, signal)));
      });
    } finally {
      clearTimeout(timer);
    }
  }
}
