/** Drives a Handler of which the server under test is the initiator: the suite is client and responder. */

import { PING } from '../../../../machines/frames/records.ts';
import type { InitiatorContext } from '../../../../machines/handler/initiator.ts';
import { parseAnswerLine } from '../../../../machines/protocol/answers.ts';
import { formatDevice } from '../../../../machines/protocol/devices.ts';
import type { Begin } from '../../../../machines/protocol/types.ts';
import type { CaseContext } from '../case-context.ts';
import { PEER_SECRET } from '../case-context.ts';
import type { FakePeer, Visit } from '../fake-peer.ts';
import { WIDE_MTU } from '../model/ends.ts';
import type { Effect, Model } from '../model/graph.ts';
import type { InitiatorStep } from '../model/initiator.ts';
import { handleLine, type Names } from '../names.ts';
import { demand, demandEqual, Nonconformity } from '../nonconformity.ts';
import type { Talk } from '../talk.ts';
import { BEYOND, DEFAULT_TIMES } from '../times.ts';
import { HandlerDrive } from './handler.ts';

/** Steps in which a long time passes on a wire that is to stay alive. */
const STEP_MS = 4_000;

export class InitiatorDrive extends HandlerDrive<InitiatorContext, InitiatorStep> {
  protected readonly name = 'initiator';
  /** Whether the dial that is under way was greeted: the machine does not tell. */
  #greeted = false;
  #visit: Visit | undefined;
  #begin: Begin | undefined;
  /** The delay before the next dial: its middle, and when it began at the earliest. */
  #redial = { ms: 0, since: 0 };
  #before = 0;

  private constructor(
    bench: CaseContext,
    model: Model<InitiatorContext, InitiatorStep>,
    private readonly standIn: FakePeer,
    private readonly asker: Talk,
    private readonly names: Names,
  ) {
    super(bench, model);
  }

  static async start(
    bench: CaseContext,
    model: Model<InitiatorContext, InitiatorStep>,
  ): Promise<InitiatorDrive> {
    const standIn = await bench.standIn();
    const names = { target: bench.target, id: '', mac: bench.mac(), remote: standIn.url };
    if (bench.target.control !== undefined) bench.control.holdDevices();
    const asker = await bench.login('client');
    const drive = new InitiatorDrive(bench, model, standIn, asker, names);
    asker.say(handleLine(names, { options: 'offload=off' }));
    await bench.until('HANDLERS? to list the new Handler', () => drive.#named());
    await drive.begun();
    return drive;
  }

  async #named(): Promise<boolean> {
    const { data } = await this.bench.ask('HANDLERS?');
    for (const line of data) {
      const answer = parseAnswerLine(line);
      if (answer.kind !== 'data' || answer.fields.macs !== this.names.mac) continue;
      this.id = answer.words[0] ?? '';
      this.bench.closeLater(this.id);
      return true;
    }
    return false;
  }

  /** HELLO follows a greeting, and there is one to a dial. */
  ready({ type }: InitiatorStep): boolean {
    if (type === 'hello-taken') return this.#greeted;
    return type !== 'dialled' || !this.#greeted;
  }

  protected override async stimulate(event: InitiatorStep, rest: readonly InitiatorStep[]): Promise<boolean> {
    this.#before = this.bench.now();
    const visit = this.#visit;
    switch (event.type) {
      case 'dialled':
        visit!.greet();
        this.#greeted = true;
        return true;
      case 'hello-taken':
        if (rest[0] !== undefined && rest[0].type !== 'begin-sent') {
          this.bench.control.holdLog();
          this.logHeld = true;
        }
        visit!.takeHello();
        return true;
      case 'begin-sent':
        this.#begin = await visit!.begin();
        this.#checkBegin(this.#begin);
        return true;
      case 'begin-taken':
        this.wire = visit!.takeBegin({ ...this.#begin!, mtu: event.mtu });
        return true;
      case 'dial-failed':
        if (event.label === 'cut') visit!.talk.end();
        else
          visit!.talk.say(
            event.label === 'garbage' ? '220 mail.example' : `${event.label} ${word(event)} no`,
          );
        return true;
      case 'timer':
        await this.#time(event.timer);
        return true;
      default:
        return false;
    }
  }

  async #time(timer: string): Promise<void> {
    const { bench } = this;
    if (timer === 'redial') return this.#awaitRedial();
    if (timer === 'stable') {
      for (let passed = 0; passed < DEFAULT_TIMES.stable; passed += STEP_MS) {
        await bench.control.advance(STEP_MS);
        await this.wire!.ping();
      }
      return;
    }
    await bench.control.advance((timer === 'handle' ? DEFAULT_TIMES.handle : DEFAULT_TIMES.dial) + BEYOND);
    if (!this.logHeld) return;
    await bench.until('the Handler to give up', async () => {
      const state = bench.control.stateOf(`handler:${this.id}`);
      return state === undefined || state !== 'authenticated';
    });
    bench.control.releaseLog();
    this.logHeld = false;
    // What was due before the time was over goes out all the same.
    await this.#visit!.begin();
  }

  /** Not before four fifths of the delay, nor after six fifths of it. */
  async #awaitRedial(): Promise<void> {
    const { bench, standIn } = this;
    const { ms, since } = this.#redial;
    if (this.owned && this.view.context.deviceOpen) {
      const until = bench.now() + 1.2 * ms + BEYOND;
      while (standIn.waiting === 0 && bench.now() < until) await bench.control.advance(ms / 10);
    } else if (this.owned) {
      return bench.control.advance(1.2 * ms + BEYOND);
    }
    await standIn.arrival(bench.target.patience + (this.owned ? 0 : 1.2 * ms));
    const passed = bench.now() - since;
    demand(passed >= 0.8 * ms, `no dial before ${0.8 * ms} ms`, `one after ${Math.round(passed)} ms`);
  }

  protected override async observe(
    type: string,
    params: Effect['params'],
    event: InitiatorStep | undefined,
  ): Promise<boolean> {
    switch (type) {
      case 'dial':
        this.#visit = await this.standIn.visit();
        this.#greeted = false;
        return true;
      case 'sayHello': {
        const { identity, secret } = await this.#visit!.hello();
        demandEqual(identity, 'default', 'identity');
        demandEqual(secret, PEER_SECRET, 'secret');
        return true;
      }
      case 'connect': {
        const record = await this.wire!.any('a PING at once');
        demand(record.type === PING, 'a PING at once', `a record of type ${record.type}`);
        return true;
      }
      case 'arm':
        if (params.timer === 'redial') this.#redial = { ms: params.ms as number, since: this.#before };
        return true;
      case 'news':
        if (params.session !== null && !this.down) {
          await this.told(this.asker, params.news as Readonly<Record<string, unknown>>);
        }
        return true;
      default:
        void event;
        return false;
    }
  }

  protected override async farewell(reason: string): Promise<void> {
    if (this.wire === undefined) return this.dropWire();
    this.#visit = undefined;
    await super.farewell(reason);
  }

  protected override async dropWire(): Promise<void> {
    const visit = this.#visit;
    const { wire } = this;
    this.#visit = undefined;
    await super.dropWire();
    if (wire !== undefined || visit === undefined) return;
    await visit.talk.over('the dial to be given up');
    visit.talk.end();
  }

  #checkBegin(begin: Begin): void {
    const { target, mac } = this.names;
    demandEqual(begin.handler, this.id, 'BEGIN for the Handler');
    demandEqual(formatDevice(begin.localDevice), 'br0', "BEGIN's local device");
    demandEqual(formatDevice(begin.remoteDevice), target.device, "BEGIN's remote device");
    demandEqual(begin.localConfig.role, 'PROXY', "BEGIN's local role");
    demandEqual(begin.remoteConfig.role, 'HOST', "BEGIN's remote role");
    demandEqual(begin.macs.join(), mac, "BEGIN's addresses");
    const { mtu } = this.view.context;
    if (mtu === WIDE_MTU) demandEqual(String(begin.mtu), String(mtu), "BEGIN's mtu");
    if (begin.options.offload) throw new Nonconformity('offload=off handed on', 'offload=on');
  }
}

function word(event: InitiatorStep): string {
  return event.type === 'dial-failed' && event.final ? 'handler-closed' : 'forbidden';
}
