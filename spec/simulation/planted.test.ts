/**
 * The simulation can fail: each of these wrong servers is found out within a few histories. What is planted is put on
 * the prototypes of the real classes, and taken away again.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceRegistry } from '../../actors/device/devices.ts';
import { HandlerRegistry } from '../../actors/handler/handlers.ts';
import { Segment } from '../../actors/packet-path/segment.ts';
import { Wire } from '../../actors/packet-path/wire.ts';
import { type Entry, Recorder } from '../../actors/recorder/recorder.ts';
import { Server } from '../../actors/server.ts';
import { Secrets } from '../../actors/session/secrets.ts';
import { Sessions } from '../../actors/session/sessions.ts';
import { MemoryDevices } from '../../io/memory/devices.ts';
import type { WriteOutcome } from '../../io/ports.ts';
import { recordEnd } from '../../machines/frames/records.ts';
import { play } from './history.ts';
import { planOf } from './plan.ts';

/** Histories that each has to be found within. */
const PATIENCE = 30;
const FIRST_SEED = 5_000;

// biome-ignore lint/complexity/noBannedTypes: a method of any class
type Method = Function;

interface Plant {
  readonly what: string;
  readonly of: object;
  readonly method: string;
  readonly wrong: (right: Method) => Method;
  /** What the complaint says. */
  readonly found: RegExp;
}

const PLANTS: readonly Plant[] = [
  {
    what: 'writes what came from the far end twice',
    of: Segment.prototype,
    method: 'write',
    wrong: (right) =>
      function (this: Segment, ...args: unknown[]) {
        right.apply(this, args);
        return right.apply(this, args);
      },
    found: /was heard 2 times/,
  },
  {
    what: 'changes the order of what came from the far end',
    of: Segment.prototype,
    method: 'write',
    wrong: (right) =>
      function (this: Segment, buffer: Buffer, start: number, end: number) {
        const records: [number, number][] = [];
        for (let at = start; at < end; at = recordEnd(buffer, at)) records.push([at, recordEnd(buffer, at)]);
        const sum = { written: 0, writtenBytes: 0, badOffload: 0, queueFull: 0, refused: 0, tooLong: 0 };
        for (const [from, to] of records.reverse()) {
          const one: WriteOutcome = right.call(this, buffer, from, to, 1);
          for (const key of Object.keys(sum) as (keyof WriteOutcome)[]) sum[key] += one[key];
        }
        return sum;
      },
    found: /behind frame/,
  },
  {
    what: 'takes every BEGIN',
    of: HandlerRegistry.prototype,
    method: 'refuseBegin',
    wrong: () => () => undefined,
    found: /./,
  },
  {
    what: 'forgets at a start what it had begun',
    of: HandlerRegistry.prototype,
    method: 'restore',
    wrong: () => () => () => undefined,
    found: /./,
  },
  {
    what: 'forgets at a start the TAPs that it made',
    of: DeviceRegistry.prototype,
    method: 'restore',
    wrong: () => () => undefined,
    found: /./,
  },
  {
    what: 'forgets what was CLOSEd',
    of: Server.prototype,
    method: 'wasClosed',
    wrong: () => () => false,
    found: /it was CLOSEd/,
  },
  {
    what: 'keeps the secrets of Handlers that are closed',
    of: Secrets.prototype,
    method: 'drop',
    wrong: () => () => undefined,
    found: /keeps \d+ secrets/,
  },
  {
    what: 'leaves its TAPs',
    of: MemoryDevices.prototype,
    method: 'removeTap',
    wrong: () => async () => undefined,
    found: /TAP t\d/,
  },
  {
    what: 'does not tell a session that its wire has ended',
    of: Sessions.prototype,
    method: 'wireEnded',
    wrong: () => () => undefined,
    found: /open sessions|sessions/,
  },
  {
    what: 'never says BYE',
    of: Wire.prototype,
    method: 'farewell',
    wrong: () =>
      function (this: Wire) {
        this.destroy();
        return Promise.resolve();
      },
    found: /it is|CLOSE/,
  },
  {
    what: 'keeps the devices of Handlers that are gone',
    of: DeviceRegistry.prototype,
    method: 'leave',
    wrong: () => () => undefined,
    found: /still open|TAP/,
  },
  {
    what: 'does not record that a wire was lost',
    of: Recorder.prototype,
    method: 'commit',
    wrong: (right) =>
      function (this: Recorder, entry: Entry, effects: () => void) {
        if (entry.event.type === 'wire-lost') this.unrecorded(effects);
        else right.call(this, entry, effects);
      },
    found: /./,
  },
];

const test = suite('the simulation finds planted faults');

for (const { what, of, method, wrong, found } of PLANTS) {
  test(what, async () => {
    const target = of as Record<string, Method>;
    const right = target[method];
    assert.type(right, 'function');
    target[method] = wrong(right!);
    try {
      const failure = await firstFailure();
      assert.ok(failure, 'nothing was found');
      assert.match(failure, found, failure);
    } finally {
      target[method] = right!;
    }
  });
}

async function firstFailure(): Promise<string | undefined> {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + PATIENCE; seed++) {
    const { failure } = await play(planOf(seed));
    if (failure !== undefined) return failure;
  }
  return undefined;
}

test.run();
