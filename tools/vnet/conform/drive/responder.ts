/** Drives a Handler of which the server under test is the responder: the suite is the initiator, and the client. */
import type { ResponderContext } from '../../../../machines/handler/responder.ts';
import type { CaseContext } from '../case-context.ts';
import type { Effect, Model } from '../model/graph.ts';
import { FIRST, NEXT, type ResponderStep } from '../model/responder.ts';
import { beginLine, type Names } from '../names.ts';
import type { Talk } from '../talk.ts';
import { BEYOND, GRACE } from '../times.ts';
import { Wire } from '../wire.ts';
import { HandlerDrive } from './handler.ts';
import { namesFor } from './preconditions.ts';

/** The Handler has to be there still so long before its grace time is over: what a slow machine may take. */
const MARGIN = 15_000;

export class ResponderDrive extends HandlerDrive<ResponderContext, ResponderStep> {
  protected readonly name = 'responder';
  readonly #sessions = new Map<string, Talk>();
  #told: Talk | undefined;

  private constructor(
    bench: CaseContext,
    model: Model<ResponderContext, ResponderStep>,
    private readonly names: Names,
  ) {
    super(bench, model);
    this.id = names.id;
  }

  static async start(
    bench: CaseContext,
    model: Model<ResponderContext, ResponderStep>,
  ): Promise<ResponderDrive> {
    const drive = new ResponderDrive(bench, model, namesFor(bench));
    if (drive.owned) bench.control.holdDevices();
    await drive.#sayBegin(FIRST);
    await drive.begun();
    return drive;
  }

  async #sayBegin(session: string): Promise<void> {
    const talk = await this.bench.login(`initiator (${session})`);
    this.#sessions.set(session, talk);
    talk.say(beginLine(this.names));
  }

  protected override async stimulate(event: ResponderStep, rest: readonly ResponderStep[]): Promise<boolean> {
    const { bench } = this;
    switch (event.type) {
      case 'device-open':
        // The answer to BEGIN is held back, so that the session can be lost before it.
        if (rest[0]?.type !== 'abandoned') return false;
        bench.control.holdLog();
        this.logHeld = true;
        bench.control.openDevice();
        await bench.until('the Handler to be binary', async () => {
          if (bench.control.stateOf(`handler:${this.id}`) === 'binary') return true;
          bench.control.stepLog();
          return false;
        });
        return true;
      case 'begin':
        await this.#sayBegin(NEXT);
        return true;
      case 'abandoned':
        await this.#abandon();
        return true;
      case 'yield': {
        const other = namesFor(bench);
        const talk = await bench.login('initiator of another Handler');
        talk.say(beginLine({ ...this.names, id: other.id }));
        if (this.owned) {
          const wanted = bench.control.deviceWanted().then(() => bench.control.openDevice());
          await Promise.race([wanted, talk.anything('the answer to BEGIN')]);
        }
        bench.good(await talk.answer('the answer to BEGIN'), 'OK to BEGIN');
        return true;
      }
      case 'timer':
        await bench.control.advance(GRACE - MARGIN);
        await bench.handlerIs(this.id, 'handling', 'responder');
        await bench.control.advance(MARGIN + BEYOND);
        return true;
      default:
        return false;
    }
  }

  async #abandon(): Promise<void> {
    const { bench } = this;
    this.#sessions.get(FIRST)!.reset();
    if (!this.logHeld) return;
    await bench.until('the session to be closed', async () => !bench.control.hasSessions('handling'));
    bench.control.releaseLog();
    this.logHeld = false;
  }

  protected override async observe(type: string, params: Effect['params']): Promise<boolean> {
    switch (type) {
      case 'news':
        await this.#news(params.session as string | null, params.news as Readonly<Record<string, unknown>>);
        return true;
      case 'remember': {
        const talk = await this.bench.login('initiator that was sent away');
        this.#sessions.set('gone', talk);
        return true;
      }
      case 'tellClosed':
        await this.closer!.answer('the answer to CLOSE').then((answer) => this.bench.good(answer));
        await this.#remembered();
        return true;
      case 'leaveDevice':
        // The Handler that it yielded to is on the device now.
        return this.view.context.why?.startsWith('yielded') ?? false;
      default:
        return false;
    }
  }

  async #news(session: string | null, news: Readonly<Record<string, unknown>>): Promise<void> {
    const talk = this.#sessions.get(session ?? '');
    // A session that has become a wire hears of its Handler by records only.
    if (talk === undefined || this.down || this.logHeld || talk === this.#told) return;
    this.#told = talk;
    await this.told(talk, news);
    if (news.type === 'handler-up') this.wire = new Wire(talk);
  }

  /** CLOSEd here: another BEGIN is told so. */
  async #remembered(): Promise<void> {
    const talk = this.#sessions.get('gone');
    if (talk === undefined) return;
    this.bench.refused(await talk.ask(beginLine(this.names)), 'handler-closed');
  }
}
