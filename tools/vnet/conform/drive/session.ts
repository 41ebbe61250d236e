/** Drives one session over a real connection, along the Session machine, and compares what comes with its effects. */
import type { SessionContext } from '../../../../machines/session/machine.ts';
import type { CaseContext } from '../case-context.ts';
import type { FakePeer, Visit } from '../fake-peer.ts';
import { begin, type Model, step } from '../model/graph.ts';
import type { SessionStep, SessionView } from '../model/session.ts';
import { LINES } from '../model/session-lines.ts';
import type { Names } from '../names.ts';
import type { Talk } from '../talk.ts';
import type { DrivenSession } from './driven-session.ts';
import { closedHandler, namesFor, type Standing, standing } from './preconditions.ts';
import { observe, probe } from './session-observe.ts';
import { stimulate } from './session-stimulate.ts';

export type SessionModel = Model<SessionContext, SessionStep>;

const STIMULI = new Map(LINES.map((stimulus) => [stimulus.label, stimulus]));

export class SessionDrive implements DrivenSession {
  view: SessionView;
  watched = false;
  session: string | undefined;
  handler: string;
  standing: Standing | undefined;
  standIn: FakePeer | undefined;
  visit: Visit | undefined;
  verdictHeld = false;
  devicesHeld = false;
  down = false;
  #names: Names;

  private constructor(
    readonly bench: CaseContext,
    readonly model: SessionModel,
    readonly talk: Talk,
  ) {
    this.#names = namesFor(bench);
    this.handler = this.#names.id;
    this.view = begin<SessionContext>(model.machine, model.input).view;
  }

  static async start(bench: CaseContext, model: SessionModel): Promise<SessionDrive> {
    const drive = new SessionDrive(bench, model, await bench.dial());
    await observe(drive, begin<SessionContext>(model.machine, model.input).effects);
    bench.coverage.state('session', drive.view.value);
    return drive;
  }

  /** Goes the way, then takes the event and looks where the session stands. */
  async run(way: readonly SessionStep[], last: SessionStep): Promise<void> {
    const steps = [...way, last];
    for (const [index, event] of steps.entries()) await this.take(event, steps.slice(index + 1));
    const natural = this.#natural(last);
    if (natural !== undefined) await this.take(natural, []);
    await probe(this);
  }

  /** Makes one event happen and compares. `rest` is what the case is going to do then: some have to be prepared. */
  async take(event: SessionStep, rest: readonly SessionStep[]): Promise<void> {
    const taken = step<SessionContext, SessionStep>(this.model.machine, this.view, event);
    const stimulus = STIMULI.get(event.label);
    if (stimulus === undefined) {
      await stimulate(this, event, rest);
    } else {
      // What a line speaks of is set up only where it is looked at.
      if (this.view.value === 'authenticated') await this.#set(stimulus.setting);
      this.#hold(event, rest[0]);
      const line = stimulus.line(this.#names);
      if (rest[0]?.type === 'early-bytes') this.talk.raw(`${line}\nHELP?\n`, `${line} and HELP? behind it`);
      else if (typeof line === 'string' && !line.endsWith('\n')) this.talk.say(line);
      else this.talk.raw(line, stimulus.label);
    }
    this.view = taken.to;
    await observe(this, taken.effects);
    // What is held back has to have come so far before anything else happens.
    if (this.verdictHeld && event.type === 'HELLO') await this.bench.control.verdictWanted();
    if (this.devicesHeld && event.type === 'BEGIN') await this.bench.control.deviceWanted();
    this.bench.coverage.state('session', this.view.value);
    if (taken.key !== undefined) this.bench.coverage.transition('session', taken.key);
  }

  /** Where the case ends in a state that passes by itself, it is waited for. */
  #natural(last: SessionStep): SessionStep | undefined {
    const { value, context } = this.view;
    const wanted =
      value === 'unauthenticated' && context.pending === 'verify'
        ? 'verified'
        : value === 'handling' && context.request === 'BEGIN'
          ? 'handler-up'
          : undefined;
    if (wanted === undefined || this.bench.target.control !== undefined) {
      // With a server of our own a held state is what the case was about, but for the line that leads there.
      if (wanted === undefined || (last.type !== 'HELLO' && last.type !== 'BEGIN')) return undefined;
    }
    return this.model.events.find(({ label }) => label === wanted);
  }

  #hold(event: SessionStep, next: SessionStep | undefined): void {
    if (event.type === 'BEGIN' && this.view.value === 'authenticated' && next !== undefined) {
      if (next.type === 'handler-up' || next.type === 'early-bytes') return;
      this.bench.control.holdDevices();
      this.devicesHeld = true;
    }
  }

  async #set(setting: 'standing' | 'closed' | 'stand-in' | undefined): Promise<void> {
    if (setting === 'standing') this.standing = await standing(this.bench);
    if (setting === 'closed') this.standing = await closedHandler(this.bench);
    if (setting === 'stand-in') this.standIn = await this.bench.standIn();
    const { standing: other, standIn } = this;
    this.#names = {
      ...this.#names,
      ...(other === undefined ? {} : { standing: other }),
      ...(standIn === undefined ? {} : { remote: standIn.url }),
    };
  }

  get names(): Names {
    return this.#names;
  }
}
