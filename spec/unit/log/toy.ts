/** A machine, a clock and a schedule for the tests of the log. */
import { assign, setup } from 'xstate';
import type { Entry, Recorder } from '../../../actors/recorder/recorder.ts';
import type { Clock, Diagnostics, Timer } from '../../../io/ports.ts';
import { CREATED, type LogEvent } from '../../../machines/log/record.ts';
import { type Definition, define, machineTable, type Snapshot } from '../../../machines/log/registry.ts';

interface ToyContext {
  count: number;
  name: string;
  marks: string[];
  last?: string;
}
type ToyEvent = { type: 'hello'; as: string } | { type: 'mark'; mark: string } | { type: 'bye' };

/** Goes as a session does: unauthenticated → authenticated → closed. */
const toyMachine = setup({
  types: { context: {} as ToyContext, events: {} as ToyEvent, input: {} as { name: string } },
  actions: { answer: (_, _params: { text: string }) => {} },
}).createMachine({
  context: ({ input }) => ({ count: 0, name: input.name, marks: [] }),
  initial: 'unauthenticated',
  states: {
    unauthenticated: {
      on: {
        mark: { actions: assign({ count: ({ context }) => context.count + 1 }) },
        hello: {
          target: 'authenticated',
          actions: [assign({ last: ({ event }) => event.as }), { type: 'answer', params: { text: 'OK' } }],
        },
        bye: 'closed',
      },
    },
    authenticated: {
      on: {
        mark: {
          actions: assign({
            count: ({ context }) => context.count + 1,
            marks: ({ context, event }) => [...context.marks.slice(-3), event.mark],
          }),
        },
        bye: 'closed',
      },
    },
    closed: { type: 'final' },
  },
});

export const toy: Definition = define(toyMachine, 'toy', 1);
export const table = machineTable([toy]);

/** Actors of the toy machine as a shell would hold them. */
export class ToyActors {
  readonly snapshots = new Map<string, Snapshot>();

  create(actor: string): Entry {
    const input = { name: actor };
    return this.#settle(actor, '', { type: CREATED, input }, toy.initial(input));
  }

  send(actor: string, event: LogEvent): Entry {
    const before = this.snapshots.get(actor)!;
    return this.#settle(actor, before.value, event, toy.next(before, event));
  }

  /** Records a whole life: created, hello, some marks, bye. */
  live(recorder: Recorder, actor: string, marks = 3, effects = () => {}): void {
    recorder.commit(this.create(actor), effects);
    recorder.commit(this.send(actor, { type: 'hello', as: 'ann' }), effects);
    for (let mark = 0; mark < marks; mark++) {
      recorder.commit(this.send(actor, { type: 'mark', mark: `m${mark}` }), effects);
    }
    recorder.commit(this.send(actor, { type: 'bye' }), effects);
  }

  #settle(actor: string, from: string, event: LogEvent, snapshot: Snapshot): Entry {
    this.snapshots.set(actor, snapshot);
    return { actor, machine: toy.name, version: toy.version, event, from, to: snapshot.value, snapshot };
  }
}

/** A clock that stands still until it is told to go on. */
export class StillClock implements Clock {
  #milliseconds = 0;
  #timers: { at: number; fire: () => void }[] = [];

  wall(): string {
    return `${new Date(this.now()).toISOString().slice(0, -1)}000Z`;
  }
  now(): number {
    return Date.UTC(2026, 0, 1) + this.#milliseconds;
  }
  mono(): number {
    return this.#milliseconds * 1e6;
  }
  after(milliseconds: number, fire: () => void): Timer {
    const timer = { at: this.#milliseconds + milliseconds, fire };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }
  get timers(): number {
    return this.#timers.length;
  }
  /** Goes on, firing what is due, and lets promises settle. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#milliseconds + milliseconds;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#milliseconds = Math.max(this.#milliseconds, due.at);
      this.#timers = this.#timers.filter((timer) => timer !== due);
      due.fire();
      await settle();
    }
    this.#milliseconds = end;
  }
}

/** Lets everything run that waits for promises alone. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** Ends of turns of the event loop, by hand. */
export class Turns {
  #waiting: (() => void)[] = [];
  readonly schedule = (flush: () => void): void => void this.#waiting.push(flush);

  /** Ends turns until nothing is scheduled. */
  async end(): Promise<void> {
    do {
      for (const flush of this.#waiting.splice(0)) flush();
      await settle();
    } while (this.#waiting.length > 0);
  }
}

export class HeardDiagnostics implements Diagnostics {
  readonly messages: string[] = [];
  info(_fields: Record<string, unknown>, message: string): void {
    this.messages.push(`info: ${message}`);
  }
  warn(_fields: Record<string, unknown>, message: string): void {
    this.messages.push(`warn: ${message}`);
  }
  error(_fields: Record<string, unknown>, message: string): void {
    this.messages.push(`error: ${message}`);
  }
}
