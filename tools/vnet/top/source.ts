/** What `vnet top` asks of one server, and its last transitions as they come. */
import { parseAnswerLine } from '../../../machines/protocol/answers.ts';
import { bitRate, grouped, microseconds } from '../cli/units.ts';
import { ANSWER_TIME, connect } from '../client/connect.ts';
import type { Conversation, DataAnswer } from '../client/conversation.ts';
import { readEvent } from '../client/event.ts';
import type { ClientSettings } from '../client/settings.ts';
import { transitionLine } from '../replay/line.ts';
import type { Sample } from './model.ts';

export class Source {
  private constructor(
    private readonly asking: Conversation,
    private readonly watching: Conversation,
  ) {}

  /** @param told each transition, as a line @throws Failure */
  static async open(settings: ClientSettings, told: (line: string) => void): Promise<Source> {
    const asking = await connect(settings);
    try {
      const watching = await connect(settings);
      await watching.ask('WATCH', ANSWER_TIME);
      const source = new Source(asking, watching);
      void source.#watch(told);
      return source;
    } catch (error) {
      asking.close();
      throw error;
    }
  }

  get server(): string {
    return this.asking.server;
  }

  async sample(): Promise<Sample[]> {
    const { data } = await this.asking.ask('HANDLERS?', ANSWER_TIME);
    return data.map(({ words: [id = ''], fields: f }) => ({
      server: this.server,
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

  /** Drops by reason and wires of one Handler, in a few lines. */
  async detail(id: string): Promise<string[]> {
    const { data } = await this.asking.ask(`STATS? ${id}`, ANSWER_TIME);
    return detailLines(data);
  }

  close(): void {
    this.asking.close();
    this.watching.close();
  }

  async #watch(told: (line: string) => void): Promise<void> {
    for (let line = await this.watching.next(); line !== undefined; line = await this.watching.next()) {
      const answer = parseAnswerLine(line);
      const watched = answer.kind === 'data' ? readEvent(answer) : undefined;
      if (watched?.kind === 'record' && watched.shown.from !== watched.shown.to)
        told(transitionLine(watched.shown));
    }
  }
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
