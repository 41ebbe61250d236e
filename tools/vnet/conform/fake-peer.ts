/** A stand-in for the other server: the server under test dials it, and the case decides what it answers. */
import type { Link } from '../../../io/ports.ts';
import { parseLine } from '../../../machines/protocol/parse.ts';
import type { Begin, SecretRef } from '../../../machines/protocol/types.ts';
import type { Endurance } from './endurance.ts';
import { Nonconformity } from './nonconformity.ts';
import { Talk } from './talk.ts';
import type { Target } from './target.ts';
import { Wire } from './wire.ts';

/** HELLO as the server under test said it. */
export interface HelloSeen {
  readonly identity: string;
  readonly secret: string;
}

const DIAL = 'the server to dial';

export class FakePeer {
  #waiting: Talk[] = [];
  #wake: () => void = () => {};
  /** Connections that were taken. */
  count = 0;

  private constructor(
    private readonly endurance: Endurance,
    private readonly listener: { readonly url: string; close(): Promise<void> },
  ) {}

  static async listen(target: Target, endurance: Endurance, told: (talk: Talk) => void): Promise<FakePeer> {
    let standIn: FakePeer | undefined;
    const listener = await target.listen((link: Link) => {
      const talk = new Talk(link, endurance, 'stand-in');
      told(talk);
      if (standIn === undefined) talk.cut();
      else standIn.#accept(talk);
    });
    standIn = new FakePeer(endurance, listener);
    return standIn;
  }

  /** `<remote>` for HANDLE. */
  get url(): string {
    return this.listener.url;
  }

  /** Connections that wait to be taken. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The next connection, before it is greeted. @throws Nonconformity when none comes in `milliseconds` */
  async visit(milliseconds = this.endurance.patience): Promise<Visit> {
    await this.arrival(milliseconds);
    this.count++;
    return new Visit(this.#waiting.shift()!);
  }

  /** Waits until there is a connection to be taken. */
  async arrival(wanted = this.endurance.patience): Promise<void> {
    const milliseconds = this.endurance.for(DIAL, wanted);
    if (this.#waiting.length === 0) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          this.#wake = () => {};
          reject(this.endurance.expired(DIAL, `no connection in ${milliseconds / 1000} s`));
        }, milliseconds);
        this.#wake = () => {
          clearTimeout(timer);
          this.#wake = () => {};
          resolve();
        };
      });
    }
  }

  async close(): Promise<void> {
    for (const talk of this.#waiting) talk.cut();
    await this.listener.close();
  }

  #accept(talk: Talk): void {
    this.#waiting.push(talk);
    this.#wake();
  }
}

/** One connection of the server under test to the stand-in. */
export class Visit {
  constructor(readonly talk: Talk) {}

  greet(): void {
    this.talk.say('OK VNET/1 server=stand-in auth=password');
  }

  /** Reads HELLO. */
  async hello(): Promise<HelloSeen> {
    const line = await this.talk.line('HELLO');
    let secret = '';
    const read = parseLine(Buffer.from(line), (text) => {
      secret = text;
      return 'secret:conformance' as SecretRef;
    });
    const args = read.kind === 'command' && read.command.verb === 'HELLO' ? read.command.args : undefined;
    if (args === undefined || !args.ok || args.value.method !== 'password') {
      throw new Nonconformity('HELLO password …', JSON.stringify(line));
    }
    return { identity: args.value.identity, secret };
  }

  takeHello(): void {
    this.talk.say('OK session=0123456789abcdef identity=default');
  }

  /** Reads BEGIN. */
  async begin(): Promise<Begin> {
    const line = await this.talk.line('BEGIN');
    const read = parseLine(Buffer.from(line), () => 'secret:conformance' as SecretRef);
    if (read.kind !== 'command' || read.command.verb !== 'BEGIN') {
      throw new Nonconformity('BEGIN', JSON.stringify(line));
    }
    const { args } = read.command;
    if (!args.ok) throw new Nonconformity('a right BEGIN', `${JSON.stringify(line)}: ${args.refusal.text}`);
    return args.value;
  }

  takeBegin({ handler, options, mtu }: Pick<Begin, 'handler' | 'options' | 'mtu'>): Wire {
    this.talk.say(`OK handler=${handler} offload=${options.offload ? 'on' : 'off'} mtu=${mtu}`);
    return new Wire(this.talk);
  }

  /** Everything up to the wire. */
  async toWire(): Promise<{ readonly begin: Begin; readonly wire: Wire }> {
    this.greet();
    await this.hello();
    this.takeHello();
    const begin = await this.begin();
    return { begin, wire: this.takeBegin(begin) };
  }
}
