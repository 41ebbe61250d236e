/** What the drives of both Handler machines share: the wire, the device, the onlooker, and what can happen to each. */
import { parseAnswerLine } from '../../../../machines/protocol/answers.ts';
import type { Reason } from '../../../../machines/protocol/errors.ts';
import type { CaseContext } from '../case-context.ts';
import { begin, type Effect, type Labelled, type Model, step, type View } from '../model/graph.ts';
import { demand, Nonconformity } from '../nonconformity.ts';
import type { Talk } from '../talk.ts';
import { BEYOND, SILENCE } from '../times.ts';
import type { Wire } from '../wire.ts';

/** An unknown type of record below 0x80. */
const WRONG_TYPE = 0x05;
/** A device that went is looked for no sooner than after so many milliseconds. */
const BACK = 1_000;

export interface HandlerEvent extends Labelled {
  readonly reason?: unknown;
  readonly why?: unknown;
  readonly timer?: unknown;
  readonly resume?: unknown;
  readonly final?: unknown;
}

export abstract class HandlerDrive<C, E extends HandlerEvent> {
  view: View<C>;
  id = '';
  wire: Wire | undefined;
  /** CLOSE that waits for its answer. */
  closer: Talk | undefined;
  /** The server was told to end, or has ended. */
  down = false;
  logHeld = false;
  protected abstract readonly name: 'initiator' | 'responder';

  protected constructor(
    readonly bench: CaseContext,
    readonly model: Model<C, E>,
  ) {
    this.view = begin<C>(model.machine, model.input).view;
  }

  get owned(): boolean {
    return this.bench.target.control !== undefined;
  }

  /** What is particular to one side. @returns whether it was one of these */
  protected abstract stimulate(event: E, rest: readonly E[]): Promise<boolean>;
  /** @returns whether it was one of these */
  protected abstract observe(type: string, params: Effect['params'], event: E | undefined): Promise<boolean>;

  protected async begun(): Promise<void> {
    for (const { type, params } of begin<C>(this.model.machine, this.model.input).effects) {
      await this.#observe(type, params, undefined);
    }
    this.bench.coverage.state(this.name, this.view.value);
  }

  async run(way: readonly E[], last: E): Promise<void> {
    const steps = [...way, last];
    for (const [index, event] of steps.entries()) await this.take(event, steps.slice(index + 1));
    const natural = this.view.value === 'authenticated' && !this.logHeld ? 'begin-sent' : undefined;
    const next = this.model.events.find(({ type }) => type === natural);
    if (next !== undefined) await this.take(next, []);
  }

  async take(event: E, rest: readonly E[]): Promise<void> {
    const taken = step<C, E>(this.model.machine, this.view, event);
    if (!(await this.stimulate(event, rest))) await this.#stimulate(event);
    this.view = taken.to;
    for (const { type, params } of taken.effects) await this.#observe(type, params, event);
    await this.#stands();
    this.bench.coverage.state(this.name, this.view.value);
    if (taken.key !== undefined) this.bench.coverage.transition(this.name, taken.key);
  }

  /** The server says of the Handler what the machine says of it, where the state is not over as soon as it began. */
  async #stands(): Promise<void> {
    const { bench, id, view, logHeld } = this;
    if (logHeld) {
      const { control } = bench;
      await bench.until(
        `the Handler to be ${view.value}`,
        async () => control.stateOf(`handler:${id}`) === view.value,
      );
    } else if (!this.down && view.value !== 'authenticated') await bench.handlerIs(id, view.value, this.name);
  }

  async #stimulate(event: E): Promise<void> {
    const { bench } = this;
    switch (event.type) {
      case 'device-open':
        if (this.owned) bench.control.openDevice();
        return;
      case 'device-failed':
        return bench.control.failDevice(event.reason as 'no-such-device');
      case 'device-gone':
      case 'device-away':
        return bench.control.removeDevice(bench.target.device);
      case 'device-back':
        bench.control.restoreDevice(bench.target.device);
        return bench.control.advance(BACK + BEYOND);
      case 'first-record':
        return this.wire!.ping();
      case 'wire-lost':
        if (event.why === 'cut') return this.wire!.talk.cut();
        return bench.control.advance(SILENCE + BEYOND);
      case 'bye':
        return this.wire!.bye(event.reason as 'closed');
      case 'protocol-error':
        this.wire!.send(WRONG_TYPE, 'no record of VNET/1');
        await this.wire!.farewell('protocol-error');
        this.wire = undefined;
        return;
      case 'close':
        this.closer = await bench.boss();
        return this.closer.say(`CLOSE ${this.id}`);
      case 'shutdown':
        this.down = true;
        return void bench.control.stop();
      case 'restart':
        return this.#restart(event.resume === true);
      default:
        throw new Error(`nothing brings about ${event.label}`);
    }
  }

  async #restart(resume: boolean): Promise<void> {
    const { bench } = this;
    await bench.restart(resume);
    this.down = false;
    this.logHeld = false;
    this.wire = undefined;
  }

  async #observe(type: string, params: Effect['params'], event: E | undefined): Promise<void> {
    if (await this.observe(type, params, event)) return;
    switch (type) {
      case 'openDevice':
        return this.owned ? this.bench.control.deviceWanted() : undefined;
      case 'farewell':
        return this.farewell(params.reason as string);
      case 'dropWire':
        return this.dropWire();
      case 'leaveDevice':
        return this.down ? undefined : this.#deviceLeft();
      case 'tellClosed':
        this.bench.good(await this.closer!.answer('the answer to CLOSE'), 'OK to CLOSE');
        return;
    }
  }

  protected async farewell(reason: string): Promise<void> {
    const { wire } = this;
    this.wire = undefined;
    await wire?.farewell(reason);
  }

  protected async dropWire(): Promise<void> {
    const { wire } = this;
    this.wire = undefined;
    if (wire === undefined) return;
    await wire.closed('the server to end the connection');
    wire.talk.end();
  }

  /** The device is not used any more: a TAP that the server made is gone, another device has no Handlers. */
  async #deviceLeft(): Promise<void> {
    const { bench } = this;
    const ifname = bench.target.device.replace(/^\w+:/, '').replace(/\?.*$/, '');
    await bench.until('the device to be left', async () => {
      const { data } = await bench.ask('DEVICES?');
      const line = data.map(parseAnswerLine).find((each) => each.kind === 'data' && each.words[0] === ifname);
      return line === undefined || (line.kind === 'data' && line.fields.handlers === '0');
    });
  }

  /** A session's answer to the request that the Handler is about. */
  protected async told(talk: Talk, news: Readonly<Record<string, unknown>>): Promise<void> {
    const { bench, id } = this;
    if (news.type === 'handler-failed') {
      return bench.refused(await talk.answer(`ERR ${news.reason}`), news.reason as Reason);
    }
    const answer = await talk.answer('OK handler=…');
    bench.good(answer, 'OK handler=…');
    const { fields } = answer.parsed as { readonly fields: Readonly<Record<string, string>> };
    if (fields.handler !== id) throw new Nonconformity(`OK handler=${id}`, answer.last);
    if (this.name === 'responder') {
      demand(fields.offload === 'off', 'offload=off, as BEGIN said', answer.last);
      demand(/^\d+$/.test(fields.mtu ?? ''), 'mtu=<n>', answer.last);
    }
  }
}
