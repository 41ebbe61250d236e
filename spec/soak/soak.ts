/**
 * Faults at random, one or two at a time, on servers that carry traffic all the while. After each the way to every VM
 * must be there again by itself; only what a fault took away for good (the Handlers on a device that was deleted) is
 * asked for again, as a user would.
 */
import { SeededChance } from '../../io/memory/chance.ts';
import { CommandError } from '../../tools/lab/program.ts';
import { ping } from '../../tools/lab/traffic.ts';
import { pause, waitUntil } from '../../tools/lab/wait.ts';
import { choose, type Fault } from './faults.ts';
import { connections, type Footprint, footprint } from './process.ts';
import { Traffic, type TrafficFigures } from './traffic.ts';
import { SoakWorld, VMS } from './world.ts';

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly tell: (line: string) => void;
}

export interface SoakFigures {
  readonly seconds: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly traffic: TrafficFigures;
  /** Handlers that had to be asked for again because their device had been deleted. */
  readonly handledAgain: number;
  /** Milliseconds from the end of a fault until every VM answered; the longest and the median. */
  readonly recovery: { readonly longest: number; readonly median: number };
  /** Of both servers together: with no Handler at the start, and at the end. */
  readonly start: Footprint;
  readonly end: Footprint;
  /** Most memory that either server had at a time when all was well. */
  readonly mostMemory: number;
}

const RECOVERY_MS = 90_000;

/** @throws Error when something did not recover, crossed damaged or twice, or was left */
export async function soak(options: SoakOptions): Promise<SoakFigures> {
  const world = await SoakWorld.build();
  try {
    return await new Soak(world, options).run();
  } finally {
    world.close();
  }
}

class Soak {
  readonly #chance: SeededChance;
  readonly #faults: Record<string, number> = {};
  readonly #recoveries: number[] = [];
  #handledAgain = -VMS.length;
  #mostMemory = 0;
  #since = performance.now();

  constructor(
    private readonly world: SoakWorld,
    private readonly options: SoakOptions,
  ) {
    this.#chance = new SeededChance(options.seed);
  }

  async run(): Promise<SoakFigures> {
    const { world, options } = this;
    await this.#handleMissing();
    await this.#reached();
    await this.#closeAll();
    const start = await this.#atRest();
    this.#since = performance.now();
    await this.#recover('the beginning');
    const traffic = new Traffic(world, new SeededChance(options.seed + 1));
    try {
      while (performance.now() - this.#since < options.minutes * 60_000) await this.#trouble();
      await traffic.stop();
    } finally {
      traffic.abandon();
    }
    await this.#closeAll();
    const end = await this.#atRest();
    await this.#endServers();
    return {
      seconds: Math.round((performance.now() - this.#since) / 1000),
      faults: this.#faults,
      traffic: traffic.figures,
      handledAgain: this.#handledAgain - VMS.length,
      recovery: summaryOf(this.#recoveries),
      start,
      end,
      mostMemory: this.#mostMemory,
    };
  }

  async #trouble(): Promise<void> {
    await pause(this.#chance.below(3_000));
    const faults =
      this.#chance.below(4) === 0 ? [choose(this.#chance), choose(this.#chance)] : [choose(this.#chance)];
    const kinds = [...new Map(faults.map((fault) => [fault.name, fault])).values()];
    // A server that is frozen cannot be killed and started as well: one thing at a time with processes.
    const chosen = kinds.filter((fault, i) => i === 0 || !(isOfProcess(fault) && isOfProcess(kinds[0]!)));
    const what = chosen.map(({ name }) => name).join(' + ');
    const milliseconds = 300 + this.#chance.below(Math.min(...chosen.map(({ longest }) => longest)));
    this.#tell(`${what} for ${milliseconds} ms`);
    const undos: (() => Promise<void>)[] = [];
    for (const fault of chosen) {
      undos.push(await fault.begin(this.world, this.#chance));
      this.#faults[fault.name] = (this.#faults[fault.name] ?? 0) + 1;
    }
    await pause(milliseconds);
    for (const undo of undos.reverse()) await undo();
    await this.#recover(what);
  }

  /** @throws Error when not every VM is reached again in time */
  async #recover(after: string): Promise<void> {
    const since = performance.now();
    await waitUntil(
      async () => {
        await this.#handleMissing();
        return this.#reached();
      },
      { what: `every VM to be reached after: ${after}`, deadline: RECOVERY_MS, every: 250 },
    );
    const took = performance.now() - since;
    this.#recoveries.push(took);
    const { memory, descriptors } = this.#footprint();
    this.#mostMemory = Math.max(this.#mostMemory, memory);
    this.#tell(`recovered after ${(took / 1000).toFixed(1)} s; ${memory} MiB, ${descriptors} descriptors`);
  }

  /** HANDLE for each VM that has no Handler: its device was deleted. */
  async #handleMissing(): Promise<void> {
    const { world } = this;
    await this.#closeWaiting();
    const macs = (await world.proxy.handlers()).map(({ macs }) => macs);
    for (const vm of VMS) {
      if (macs.includes(vm.mac)) continue;
      await world.handle(vm);
      this.#handledAgain++;
    }
    await world.dressTaps();
  }

  /** CLOSE for each Handler that waits for a TAP of the servers' own, which nobody makes again. */
  async #closeWaiting(): Promise<void> {
    const { proxy, lab } = this.world;
    const lost = async (ns: string, device = '') => {
      const [, tap] = /^tap:(\w+)/.exec(device) ?? [];
      return tap !== undefined && !(await lab.hasLink(ns, tap));
    };
    for (const { id, state, local_device, remote_device } of await proxy.handlers()) {
      if (state !== 'unauthenticated') continue;
      if ((await lost('proxy', local_device)) || (await lost('host', remote_device))) {
        await proxy.must(`CLOSE ${id}`);
      }
    }
  }

  async #reached(): Promise<boolean> {
    const pings = VMS.map(({ address }) => ping(this.world.lab, 'user', address, { count: 1, wait: 1 }));
    return (await Promise.all(pings)).every(({ received }) => received > 0);
  }

  async #closeAll(): Promise<void> {
    const { proxy, host, lab } = this.world;
    for (const { id } of await proxy.handlers()) await proxy.must(`CLOSE ${id}`);
    await proxy.waitForHandlers([]);
    await host.waitForHandlers([], 30_000);
    for (const [ns, dev] of [
      ['proxy', 'vnet0'],
      ['host', 'vm3'],
    ] as const) {
      await waitUntil(async () => !(await lab.hasLink(ns, dev)), { what: `${dev} to go`, deadline: 30_000 });
    }
  }

  async #endServers(): Promise<void> {
    for (const server of [this.world.proxy, this.world.host]) {
      await server.stop();
      const replay = await server.replay();
      if (replay.status !== 0) throw new CommandError(replay);
    }
  }

  /** With all closed: a session that has had its answer is closed a moment later, and would be counted. */
  async #atRest(): Promise<Footprint> {
    for (const { name, program } of [this.world.proxy, this.world.host]) {
      await waitUntil(() => connections(program?.pid ?? 0) === 0, {
        what: `no connection to be left at ${name}`,
      });
    }
    return this.#footprint();
  }

  #footprint(): Footprint {
    const both = [this.world.proxy, this.world.host].map(({ program }) => footprint(program?.pid ?? 0));
    const sum = (pick: (of: Footprint) => number) =>
      Math.round(both.reduce((total, of) => total + pick(of), 0) * 10) / 10;
    return { memory: sum(({ memory }) => memory), descriptors: sum(({ descriptors }) => descriptors) };
  }

  #tell(text: string): void {
    this.options.tell(`${((performance.now() - this.#since) / 1000).toFixed(1).padStart(7)} s  ${text}`);
  }
}

function isOfProcess({ name }: Fault): boolean {
  return name.startsWith('server') || name.startsWith('descriptors');
}

function summaryOf(times: readonly number[]): SoakFigures['recovery'] {
  const sorted = [...times].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1] ?? 0;
  return { longest: Math.round(sorted.at(-1) ?? 0), median: Math.round(median) };
}
