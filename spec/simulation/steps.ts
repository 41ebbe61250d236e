/** What a step can be, and how often each is. */
import type { SeededChance } from '../../io/memory/chance.ts';
import type { LineConditions } from '../../io/memory/line.ts';
import type { Action } from './action.ts';

type Make = (chance: SeededChance) => Action;

const one = <T>(chance: SeededChance, ...of: readonly T[]): T => of[chance.below(of.length)]!;
const any = (chance: SeededChance): number => chance.below(1000);
/** How long a fault lasts: from a moment to longer than every time-out there is. */
const ms = (chance: SeededChance): number =>
  one(chance, 1, 100, 900, 3_000, 8_000, 17_000, 40_000, 90_000, chance.below(30_000));
const short = (chance: SeededChance): number => one(chance, 0, 1, 50, 700, 3_000, 12_000, 70_000);

const IMPOSTORS = ['silent', 'alive', 'bye', 'shutting-down', 'garbage', 'destroy', 'early'] as const;
const OPTIONS = ['', '', '', 'offload=off', 'announce=off', 'l2cp=on', 'rate=1M', 'bcast-rate=5'];
const LINES = [
  'HANDLERS?',
  'STATUS?',
  'DEVICES?',
  'WATCH',
  'WATCH',
  'HELP?',
  'CLOSE 00112233445566aa',
  'nonsense',
];
const STRANGE = [
  '',
  'x\n',
  'HELLO password wrong\n',
  'HELLO password a b\nHELLO cert\nHELLO local\n',
  'DONE\n',
  '\0\n',
];

/** A way with a length: one in which further wires are dialled, and one that loses packets, or lets few through. */
export function someLine(chance: SeededChance): LineConditions {
  return {
    delay: one(chance, 3, 5, 15, 40, 120),
    loss: one(chance, 0, 0, 0.005, 0.03, 0.1, 0.3),
    rate: one(chance, 0, 0, 0.2, 1, 20),
    queue: one(chance, 20, 100, 500),
  };
}

/** A weight each. */
export const ACTIONS: readonly (readonly [number, Make])[] = [
  [
    20,
    (chance) => ({
      kind: 'handle',
      site: any(chance),
      to: any(chance),
      roles: one(chance, 'HOST PROXY', 'HOST PROXY', 'PROXY HOST', 'PROXY HOST', 'BRIDGE BRIDGE'),
      local: any(chance),
      remote: any(chance),
      macs: Array.from({ length: one(chance, 1, 1, 1, 2) }, () => chance.below(4)),
      options: one(chance, ...OPTIONS),
      wrongSecret: chance.below(25) === 0,
    }),
  ],
  [7, (chance) => ({ kind: 'close', pick: any(chance), atPeer: chance.below(2) === 0 })],
  [4, (chance) => ({ kind: 'ask', site: any(chance), pick: any(chance), line: one(chance, ...LINES) })],
  [2, (chance) => ({ kind: 'stats', pick: any(chance), atPeer: chance.below(2) === 0 })],
  [3, (chance) => ({ kind: 'leave', pick: any(chance), how: one(chance, 'DONE', 'end', 'destroy') })],
  [
    1,
    (chance) => ({
      kind: 'stranger',
      site: any(chance),
      text: one(chance, ...STRANGE),
      how: one(chance, 'end', 'destroy'),
    }),
  ],
  [
    3,
    (chance) => ({
      kind: 'take-over',
      pick: any(chance),
      way: one(chance, ...IMPOSTORS),
      ms: short(chance),
    }),
  ],
  [
    2,
    (chance) => ({
      kind: 'foreign',
      site: any(chance),
      device: any(chance),
      way: one(chance, ...IMPOSTORS),
      ms: short(chance),
    }),
  ],
  [
    16,
    (chance) => ({
      kind: 'frames',
      site: any(chance),
      device: any(chance),
      source: chance.below(5) - 1,
      destination: one<number | 'all' | 'some'>(chance, chance.below(5) - 1, chance.below(4), 'all', 'some'),
      count: one(chance, 1, 1, 3, 20, 70),
      length: one(chance, 60, 60, 300, 1294, 1514),
    }),
  ],
  [
    3,
    (chance) => ({
      kind: 'latency',
      site: any(chance),
      to: any(chance),
      delay: one(chance, 5, 300, 2_000, 9_000),
      ms: ms(chance),
    }),
  ],
  [6, (chance) => ({ kind: 'cut', site: any(chance), to: any(chance), ms: ms(chance) })],
  [
    3,
    (chance) => ({
      kind: 'half-cut',
      site: any(chance),
      to: any(chance),
      side: one(chance, 'a', 'b'),
      ms: ms(chance),
    }),
  ],
  [
    6,
    (chance) => ({
      kind: 'reset',
      pick: any(chance),
      bytes: one(chance, 0, 0, chance.below(400), chance.below(40)),
    }),
  ],
  [
    2,
    (chance) => ({
      kind: 'refuse',
      site: any(chance),
      how: one(chance, 'refuses', 'silent'),
      ms: ms(chance),
    }),
  ],
  [
    3,
    (chance) => ({
      kind: 'disk',
      site: any(chance),
      how: one(chance, 'full', 'full', 'sync-fails', 'slow'),
      ms: ms(chance),
    }),
  ],
  [
    4,
    (chance) => ({
      kind: 'crash',
      site: any(chance),
      how: one(chance, 'process', 'process', 'power'),
      ms: ms(chance),
    }),
  ],
  [
    3,
    (chance) => ({
      kind: 'crash-in-write',
      site: any(chance),
      after: chance.below(6),
      keep: chance.below(4),
      ms: ms(chance),
    }),
  ],
  [3, (chance) => ({ kind: 'stop', site: any(chance), ms: ms(chance) })],
  [
    5,
    (chance) => ({
      kind: 'device',
      site: any(chance),
      device: any(chance),
      how: one(chance, 'delete', 'delete', 'down', 'full'),
      ms: ms(chance),
    }),
  ],
  [
    2,
    (chance) => ({
      kind: 'slow',
      site: any(chance),
      what: one(chance, 'devices', 'verify'),
      delay: one(chance, 3, 200, 5_000, 20_000),
      ms: ms(chance),
    }),
  ],
  [1, (chance) => ({ kind: 'unopenable', site: any(chance), ms: ms(chance) })],
  [1, (chance) => ({ kind: 'untold', site: any(chance), ms: ms(chance) })],
  [1, (chance) => ({ kind: 'clock', hours: chance.below(21) - 10 })],
];
