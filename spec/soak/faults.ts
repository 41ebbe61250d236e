/** What goes wrong during a soak. Each fault says how to undo it; recovery is looked at afterwards. */
import type { SeededChance } from '../../io/memory/chance.ts';
import type { VnetServer } from '../../tools/lab/server.ts';
import { starve } from './process.ts';
import { type SoakWorld, VMS } from './world.ts';

/** Ends it. What it did to devices by then is for `recover` to see. */
type Undo = () => Promise<void>;

export interface Fault {
  readonly name: string;
  /** How often it comes, beside the others. */
  readonly weight: number;
  /** Longest time that it lasts, in milliseconds. */
  readonly longest: number;
  begin(world: SoakWorld, chance: SeededChance): Promise<Undo>;
}

const either = (world: SoakWorld, chance: SeededChance): VnetServer =>
  chance.below(2) === 0 ? world.proxy : world.host;

export const FAULTS: readonly Fault[] = [
  {
    name: 'underlay down',
    weight: 3,
    longest: 20_000,
    begin: async ({ router }) => {
      await router.down();
      return () => router.up();
    },
  },
  {
    name: 'all packets lost',
    weight: 3,
    longest: 20_000,
    begin: async ({ router }) => {
      await router.lose(100);
      return () => router.lose(0);
    },
  },
  {
    name: '5 % of packets lost',
    weight: 3,
    longest: 10_000,
    begin: async ({ router }) => {
      await router.lose(5);
      return () => router.lose(0);
    },
  },
  {
    name: 'MTU of the way lowered',
    weight: 2,
    longest: 10_000,
    begin: async ({ router }) => {
      await router.mtu(1280);
      return () => router.mtu(1500);
    },
  },
  {
    name: 'address changed',
    weight: 1,
    longest: 2_000,
    begin: async (world) => {
      await world.move();
      return async () => undefined;
    },
  },
  {
    name: 'server frozen',
    weight: 3,
    longest: 20_000,
    begin: async (world, chance) => {
      const { program } = either(world, chance);
      program?.signal('SIGSTOP');
      return async () => program?.signal('SIGCONT');
    },
  },
  {
    name: 'server killed',
    weight: 3,
    longest: 3_000,
    begin: async (world, chance) => {
      const server = either(world, chance);
      await server.crash();
      return () => server.start();
    },
  },
  {
    name: 'server stopped',
    weight: 2,
    longest: 3_000,
    begin: async (world, chance) => {
      const server = either(world, chance);
      await server.stop();
      return () => server.start();
    },
  },
  {
    name: 'NIC deleted',
    weight: 2,
    longest: 3_000,
    begin: async (world, chance) => {
      const vm = VMS[chance.below(2)]!;
      await world.unplug(vm);
      return () => world.plug(vm);
    },
  },
  {
    name: 'TAP deleted',
    weight: 2,
    longest: 1_000,
    begin: async ({ lab }, chance) => {
      const [ns, dev] = chance.below(2) === 0 ? ['proxy', 'vnet0'] : ['host', 'vm3'];
      if (await lab.hasLink(ns!, dev!)) await lab.ip(ns!, `link del dev ${dev}`);
      return async () => undefined;
    },
  },
  {
    name: 'bridge removed',
    weight: 2,
    longest: 3_000,
    begin: async (world) => {
      await world.removeBridge();
      return () => world.makeBridge();
    },
  },
  {
    name: 'descriptors exhausted',
    weight: 2,
    longest: 8_000,
    begin: async (world, chance) => {
      const { program } = either(world, chance);
      if (program?.pid === undefined) return async () => undefined;
      const feed = starve(program.pid, 1);
      return async () => feed();
    },
  },
];

export function choose(chance: SeededChance): Fault {
  let left = chance.below(FAULTS.reduce((sum, { weight }) => sum + weight, 0));
  for (const fault of FAULTS) {
    left -= fault.weight;
    if (left < 0) return fault;
  }
  throw new Error('the weights do not add up');
}
