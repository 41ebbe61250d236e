/** Writes a log as a busy server does: sessions that come, ask and go, and a Handler whose wire breaks again and again. */
import { DEFAULT_LIMITS } from '../../actors/limits.ts';
import { Recorder, type SyncMode } from '../../actors/recorder/recorder.ts';
import { type AnyEffect, Shell } from '../../actors/shell.ts';
import { realClock } from '../../io/clock.ts';
import { sha256 } from '../../io/journal/digest.ts';
import { openJournal } from '../../io/journal/files.ts';
import type { Diagnostics } from '../../io/ports.ts';
import type { InitiatorEvent } from '../../machines/handler/events.ts';
import type { initiatorMachine } from '../../machines/handler/initiator.ts';
import { initiatorDefinition, serverDefinition, sessionDefinition } from '../../machines/index.ts';
import { parseLine } from '../../machines/protocol/parse.ts';
import type { Handle } from '../../machines/protocol/types.ts';
import type { serverMachine } from '../../machines/server/machine.ts';
import type { SessionEvent } from '../../machines/session/events.ts';
import type { sessionMachine } from '../../machines/session/machine.ts';

/** Effects are asked for and not carried out. */
const NOTHING = new Proxy({}, { get: () => () => undefined }) as never;

export const SILENT: Diagnostics = {
  info: () => undefined,
  warn: () => undefined,
  error: (fields, message) => {
    throw new Error(`${message}: ${String(fields.err)}`);
  },
};

const FLAP: readonly InitiatorEvent[] = [
  { type: 'wire-lost', why: 'read ECONNRESET', jitter: 0.5 },
  { type: 'timer', timer: 'redial', jitter: 0.5 },
  { type: 'dialled', peer: '192.0.2.1:7411' },
  { type: 'hello-taken' },
  { type: 'begin-sent' },
  { type: 'begin-taken', offload: true, mtu: 1500 },
  { type: 'first-record' },
];

const VISIT: readonly SessionEvent[] = [
  { type: 'HELLO', args: { method: 'local' } },
  { type: 'verified', identity: 'local' },
  { type: 'STATUS?' },
  { type: 'HANDLERS?' },
  { type: 'DEVICES?' },
  { type: 'STATUS?' },
  { type: 'DONE' },
];

/** A recorder over files in `dir`, and something to record. */
export class History {
  readonly recorder: Recorder;
  readonly #actors: { step(): void }[] = [];

  constructor(dir: string, sync: SyncMode, schedule: (flush: () => void) => void = setImmediate) {
    const clock = realClock();
    const { store } = openJournal(dir);
    this.recorder = new Recorder({
      store,
      clock,
      digest: sha256,
      boot: 'bench',
      sync,
      diagnostics: SILENT,
      schedule,
    });
    const server = Shell.create<typeof serverMachine, AnyEffect>(
      this.recorder,
      'server',
      serverDefinition,
      NOTHING,
      { name: 'bench' },
    );
    server.send({ type: 'start', boot: 'bench', version: '0', name: 'bench', now: clock.now() });
    for (let count = 0; count < 6; count++) this.#actors.push(new Visits(this.recorder, count));
    for (let count = 0; count < 4; count++) this.#actors.push(new Flapping(this.recorder, count));
  }

  /** One transition of each actor: `width` records. */
  step(): void {
    for (const actor of this.#actors) actor.step();
  }

  get width(): number {
    return this.#actors.length;
  }
}

/** Steps a history until it has so many records, in turns of the event loop as a server has them. */
export async function write(history: History, records: number): Promise<void> {
  for (let count = 0; count < records; ) {
    for (let round = 0; round < 10; round++, count += history.width) history.step();
    await new Promise(setImmediate);
  }
}

class Visits {
  #number = 0;
  #at = 0;
  #shell: Shell<typeof sessionMachine, AnyEffect> | undefined;

  constructor(
    private readonly recorder: Recorder,
    private readonly lane: number,
  ) {}

  step(): void {
    const event = VISIT[this.#at++];
    if (this.#shell === undefined || event === undefined) this.#begin();
    else this.#shell.send(event);
  }

  #begin(): void {
    const id = `${this.lane}`.padStart(4, '0') + `${this.#number++}`.padStart(12, '0');
    this.#at = 0;
    this.#shell = Shell.create(this.recorder, `session:${id}`, sessionDefinition, NOTHING, {
      id,
      scheme: 'unix',
      peer: 'unix',
      address: 'unix',
      methods: ['local'],
      limits: DEFAULT_LIMITS.session,
    });
  }
}

function handle(lane: number): Handle {
  const ends = `tap:vm${lane} lan0 HOST PROXY 52:54:00:00:00:0${lane}`;
  const line = parseLine(Buffer.from(`HANDLE tcp://192.0.2.1:7411 cert ${ends}`), () => '' as never);
  if (line.kind !== 'command' || line.command.verb !== 'HANDLE' || !line.command.args.ok)
    throw new Error(JSON.stringify(line));
  return line.command.args.value;
}

class Flapping {
  #at = 0;
  readonly #shell: Shell<typeof initiatorMachine, AnyEffect>;

  constructor(recorder: Recorder, lane: number) {
    const id = lane.toString(16).padStart(32, '0');
    this.#shell = Shell.create(recorder, `handler:${id}`, initiatorDefinition, NOTHING, {
      id,
      identity: 'local',
      session: 'none',
      since: '2026-01-01T00:00:00Z',
      limits: DEFAULT_LIMITS.initiator,
      ...handle(lane),
    });
    this.#shell.send({ type: 'device-open', mtu: 1500, elastic: false });
    for (const event of FLAP.slice(2)) this.#shell.send(event);
  }

  step(): void {
    const event = FLAP[this.#at++ % FLAP.length];
    if (event !== undefined) this.#shell.send(event);
  }
}
