/** What `vnet top` asks of one server, and its last transitions as they come. */
import { parseAnswerLine } from '../../../machines/protocol/answers.ts';
import { Failure } from '../cli/failures.ts';
import { bitRate, grouped, microseconds } from '../cli/units.ts';
import { connect } from '../client/connect.ts';
import { type Conversation, type DataAnswer, Refused } from '../client/conversation.ts';
import { readEvent } from '../client/event.ts';
import type { ClientSettings } from '../client/settings.ts';
import { transitionLine } from '../replay/line.ts';
import { type Row, rates, type Sample } from './model.ts';

/** Milliseconds: who is silent for longer is dialled anew. */
const ANSWER_MS = 5_000;
/** Milliseconds until a server that went away is dialled again; one that said no more rarely, so that no password is wrong too often. */
const AGAIN_MS = 2_000;
const REFUSED_MS = 30_000;

interface Connections {
  readonly asking: Conversation;
  readonly watching: Conversation;
}

/** One server. It may go away: then there are no rows of it, `problem` says why, and it is dialled until it is back. */
export class Source {
  #connections: Connections | undefined;
  #rows: readonly Row[] = [];
  #before: readonly Sample[] = [];
  #askedAt = 0;
  #problem: string | undefined;
  #dialAt = 0;

  private constructor(
    private readonly settings: ClientSettings,
    private readonly told: (line: string) => void,
  ) {}

  /** @param told each transition, as a line @throws Failure when it cannot be reached now, or says no */
  static async open(settings: ClientSettings, told: (line: string) => void): Promise<Source> {
    const source = new Source(settings, told);
    await source.#connect();
    return source;
  }

  get server(): string {
    return this.settings.server;
  }

  /** Its Handlers when it was asked last. */
  get rows(): readonly Row[] {
    return this.#rows;
  }

  /** Why there is nothing of it. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Asks for the Handlers; of a server that went away nothing until it is time to dial it. Not to be called anew before it is done. */
  async refresh(): Promise<void> {
    if (this.#connections === undefined && performance.now() < this.#dialAt) return;
    try {
      const { asking } = this.#connections ?? (await this.#connect());
      const now = performance.now();
      const samples = readSamples(this.server, (await asking.ask('HANDLERS?', ANSWER_MS)).data);
      this.#rows = rates(this.#before, samples, Math.max(0.001, (now - this.#askedAt) / 1000));
      this.#before = samples;
      this.#askedAt = now;
      this.#problem = undefined;
    } catch (error) {
      this.#lose(error as Error);
    }
  }

  /** Drops by reason and wires of one Handler, in a few lines. */
  async detail(id: string): Promise<readonly string[]> {
    if (this.#connections === undefined) return [];
    try {
      return detailLines((await this.#connections.asking.ask(`STATS? ${id}`, ANSWER_MS)).data);
    } catch (error) {
      if (error instanceof Refused) return [error.line];
      this.#lose(error as Error);
      return [];
    }
  }

  close(): void {
    const connections = this.#connections;
    this.#connections = undefined;
    for (const one of [connections?.asking, connections?.watching]) {
      one?.interrupt();
      one?.close();
    }
  }

  async #connect(): Promise<Connections> {
    const asking = await connect(this.settings);
    let watching: Conversation | undefined;
    try {
      watching = await connect(this.settings);
      await watching.ask('WATCH', ANSWER_MS);
    } catch (error) {
      asking.close();
      watching?.close();
      throw error;
    }
    this.#connections = { asking, watching };
    void this.#watch(this.#connections);
    return this.#connections;
  }

  #lose(error: Error): void {
    this.close();
    const why = error.message.split('\n')[0] ?? '';
    this.#problem = why.includes(this.server) ? why : `${this.server}: ${why}`;
    this.#rows = [];
    this.#before = [];
    this.#dialAt = performance.now() + (error instanceof Refused ? REFUSED_MS : AGAIN_MS);
  }

  async #watch(connections: Connections): Promise<void> {
    const { watching } = connections;
    for (let line = await watching.next(); line !== undefined; line = await watching.next()) {
      const answer = parseAnswerLine(line);
      const watched = answer.kind === 'data' ? readEvent(answer) : undefined;
      if (watched?.kind === 'record' && watched.shown.from !== watched.shown.to)
        this.told(transitionLine(watched.shown));
    }
    if (this.#connections === connections) this.#lose(new Failure(3, `The server ${this.server} went away.`));
  }
}

function readSamples(server: string, data: readonly DataAnswer[]): Sample[] {
  return data.map(({ words: [id = ''], fields: f }) => ({
    server,
    id,
    state: f.state ?? '',
    peer: f.peer ?? '',
    device: f.local_device ?? '',
    rxBytes: Number(f.rx_bytes),
    txBytes: Number(f.tx_bytes),
    dropped: Number(f.dropped),
    rtt: f.rtt_us === undefined || f.rtt_us === '-' ? undefined : Number(f.rtt_us),
  }));
}

export function detailLines(data: readonly DataAnswer[]): string[] {
  const stats = new Map(data.map(({ words: [name = '', value = ''] }) => [name, value]));
  const drops = [...stats]
    .filter(([name, value]) => /_dropped_/.test(name) && value !== '0' && name !== 'tx_dropped_filtered')
    .map(([name, value]) => `${name.replace('_dropped_', ' ')} ${grouped(Number(value))}`);
  const wires = [...stats.keys()].flatMap((name) => /^wire(\d+)_rtt_us$/.exec(name)?.[1] ?? []);
  return [
    `drops: ${drops.length === 0 ? 'none' : drops.join(', ')}`,
    ...wires.map((wire) => {
      const of = (what: string) => Number(stats.get(`wire${wire}_${what}`) ?? 0);
      const speed = of('delivery_rate');
      return `wire ${wire}: round trip ${microseconds(of('rtt_us'))}, ${grouped(of('retransmitted'))} sent again, ${grouped(of('unsent'))} bytes unsent, ${speed < 1000 ? `${speed} bit/s` : bitRate(speed)}, ${stats.get(`wire${wire}_congestion`) ?? '-'}`;
    }),
  ];
}
