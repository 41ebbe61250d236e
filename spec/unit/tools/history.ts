/** Makes logs as a server would, by the real machines, without a server: for tests of replay and log tools. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { sha256 } from '../../../io/journal/digest.ts';
import {
  initiatorDefinition,
  responderDefinition,
  serverDefinition,
  sessionDefinition,
} from '../../../machines/index.ts';
import { persist } from '../../../machines/log/journal-events.ts';
import {
  CREATED,
  type Head,
  type LogEvent,
  NO_RECORD,
  seal,
  stateDigest,
} from '../../../machines/log/record.ts';
import type { Definition, Snapshot } from '../../../machines/log/registry.ts';

export const MAC = '52:54:00:12:34:56';
export const HANDLER = '3f2a91bc3f2a91bc';

const SESSION_LIMITS = { hello: 10_000, idle: 600_000, failedHellos: 3 };
const ENDS = {
  localDevice: { kind: 'tap', ifname: 'a0' },
  remoteDevice: { kind: 'tap', ifname: 'b0' },
  localConfig: { role: 'PROXY', multicast: true },
  remoteConfig: { role: 'HOST', multicast: true },
  macs: [MAC],
};
const SWAPPED = {
  localDevice: ENDS.remoteDevice,
  remoteDevice: ENDS.localDevice,
  localConfig: ENDS.remoteConfig,
  remoteConfig: ENDS.localConfig,
  macs: [MAC],
};
const OPTIONS = { offload: true, announce: true, l2cp: false };

/** The log of one server while it grows. Its clock is `base` plus what `at` was set to, in milliseconds. */
export class History {
  readonly lines: string[] = [];
  at = 0;
  #head: Head = NO_RECORD;
  readonly #live = new Map<string, { definition: Definition; snapshot: Snapshot }>();

  constructor(
    readonly name: string,
    readonly base = Date.UTC(2026, 0, 31, 12),
  ) {
    this.create('server', serverDefinition, { name });
    this.tell('server', { type: 'start', boot: 'b1', version: '0.1.0', name, now: base });
  }

  create(actor: string, definition: Definition, input: unknown): number {
    const snapshot = definition.initial(input);
    return this.#write(actor, definition, { type: CREATED, input }, '', snapshot);
  }

  /** @returns the number of the record */
  tell(actor: string, event: LogEvent): number {
    const { definition, snapshot } = this.#live.get(actor)!;
    return this.#write(actor, definition, event, snapshot.value, definition.next(snapshot, event));
  }

  /** A record that is whole, and says that the actor went somewhere else than it did. */
  lie(actor: string, event: LogEvent, to: string): number {
    const { definition, snapshot } = this.#live.get(actor)!;
    return this.#write(actor, definition, event, snapshot.value, { ...snapshot, value: to });
  }

  /** A checkpoint of all that lives. */
  checkpoint(): number {
    const actors = Object.fromEntries(
      [...this.#live].map(([name, { definition, snapshot }]) => [
        name,
        persist(definition.name, definition.version, snapshot),
      ]),
    );
    const { definition, snapshot } = this.#live.get('server')!;
    return this.#write('server', definition, { type: 'checkpoint', actors }, snapshot.value, snapshot);
  }

  #write(actor: string, definition: Definition, event: LogEvent, from: string, snapshot: Snapshot): number {
    if (snapshot.status === 'done') this.#live.delete(actor);
    else this.#live.set(actor, { definition, snapshot });
    const time = new Date(this.base + this.at).toISOString().replace('Z', '000Z');
    const fields = {
      time,
      mono: this.at * 1_000_000,
      boot: 'b1',
      actor,
      machine: definition.name,
      version: definition.version,
      event,
      from,
      to: snapshot.value,
      state: stateDigest(snapshot, sha256),
    };
    const { record, line } = seal(fields, this.#head, sha256);
    this.#head = { seq: record.seq, hash: record.hash };
    this.lines.push(line);
    this.at += 1;
    return record.seq;
  }

  /** A session up to `authenticated`. */
  session(id: string, peer = '127.0.0.1:4000'): string {
    const actor = `session:${id}`;
    this.create(actor, sessionDefinition, {
      id,
      scheme: 'tcp',
      peer,
      address: peer.split(':')[0],
      methods: ['password'],
      limits: SESSION_LIMITS,
    });
    this.tell(actor, {
      type: 'HELLO',
      args: { method: 'password', identity: 'default', secret: 'secret:01' },
    });
    this.tell(actor, { type: 'verified', identity: 'default' });
    return actor;
  }

  /** A client that asks something and goes: five records. */
  visit(id: string): void {
    const actor = this.session(id);
    this.tell(actor, { type: 'STATUS?' });
    this.tell(actor, { type: 'DONE' });
  }

  /** HANDLE, up to the dial. */
  handle(id = HANDLER): string {
    const session = this.session(`c${id}`);
    const remote = { kind: 'url', scheme: 'tcp', url: 'tcp://127.0.0.1:7412' };
    const auth = { kind: 'password', identity: 'default', secret: 'secret:02' };
    const args = { remote, auth, ...ENDS, options: OPTIONS };
    this.tell(session, { type: 'HANDLE', handler: id, args });
    this.create(`handler:${id}`, initiatorDefinition, {
      id,
      identity: 'default',
      session: session.slice('session:'.length),
      remote,
      auth,
      ...ENDS,
      options: OPTIONS,
      since: '2026-01-31T12:00:00.000000Z',
      limits: { handle: 15_000, dial: 10_000, firstDelay: 500, lastDelay: 10_000, stable: 60_000 },
    });
    this.tell(`handler:${id}`, { type: 'device-open', mtu: 1500 });
    return `handler:${id}`;
  }

  /** BEGIN from another server, up to `binary`: the session's name. */
  begin(session: string, id = HANDLER): void {
    this.tell(session, { type: 'BEGIN', args: { handler: id, ...SWAPPED, options: OPTIONS, mtu: 1500 } });
    this.create(`handler:${id}`, responderDefinition, {
      id,
      identity: 'default',
      session: session.slice('session:'.length),
      peer: '127.0.0.1:4000',
      farMtu: 1500,
      ...SWAPPED,
      options: OPTIONS,
      since: '2026-01-31T12:00:00.000000Z',
      limits: { grace: 60_000 },
    });
    this.tell(`handler:${id}`, { type: 'device-open', mtu: 1500 });
    this.tell(session, { type: 'handler-up', handler: id, offload: true, mtu: 1500 });
  }

  /** Writes it into a directory of its own, a new segment before each of the records given. */
  write(dir: string, cuts: readonly number[] = []): string {
    fs.mkdirSync(dir, { recursive: true });
    const starts = [1, ...cuts];
    starts.forEach((start, index) => {
      const lines = this.lines.slice(start - 1, (starts[index + 1] ?? this.lines.length + 1) - 1);
      const name = `${String(index + 1).padStart(8, '0')}.ndjson`;
      fs.writeFileSync(path.join(dir, name), lines.map((line) => `${line}\n`).join(''));
    });
    return dir;
  }
}

/**
 * Both ends of a Handler that is opened, loses its wire, is dialled again and closed. The responder's clock stands
 * `ahead` milliseconds before the initiator's.
 */
export function twoServers(ahead = 0): { near: History; far: History } {
  const near = new History('near');
  const far = new History('far', near.base + ahead);
  const together = () => {
    near.at = far.at = Math.max(near.at, far.at);
  };
  const handler = near.handle();
  const wire = (id: string) => {
    together();
    const session = far.session(id, '127.0.0.1:5000');
    together();
    near.tell(handler, { type: 'dialled', peer: '127.0.0.1:7412' });
    near.tell(handler, { type: 'hello-taken' });
    near.tell(handler, { type: 'begin-sent' });
    together();
    if (id === 's1') {
      far.begin(session);
    } else {
      far.tell(session, {
        type: 'BEGIN',
        args: { handler: HANDLER, ...SWAPPED, options: OPTIONS, mtu: 1500 },
      });
      far.tell(handler, {
        type: 'begin',
        session: id,
        peer: '127.0.0.1:5000',
        farMtu: 1500,
        options: OPTIONS,
      });
      far.tell(session, { type: 'handler-up', handler: HANDLER, offload: true, mtu: 1500 });
    }
    together();
    near.tell(handler, { type: 'begin-taken', offload: true, mtu: 1500 });
    together();
    far.tell(handler, { type: 'first-record' });
  };
  wire('s1');
  near.tell('session:c3f2a91bc3f2a91bc', { type: 'handler-up', handler: HANDLER, offload: true, mtu: 1500 });
  together();
  near.tell(handler, { type: 'wire-lost', why: 'silence', jitter: 0.5 });
  far.tell(handler, { type: 'wire-lost', why: 'silence', jitter: 0.5 });
  near.at += 500;
  near.tell(handler, { type: 'timer', timer: 'redial', jitter: 0.5 });
  wire('s2');
  together();
  near.tell(handler, { type: 'close', session: 'c9' });
  together();
  far.tell(handler, { type: 'bye', reason: 'closed', jitter: 0.5 });
  return { near, far };
}

/** A new empty directory below the system's own for temporary files; `remove` takes it away. */
export function scratch(): { readonly dir: string; remove(): void } {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'vnet-tools-'));
  return { dir, remove: () => fs.rmSync(dir, { recursive: true, force: true }) };
}
