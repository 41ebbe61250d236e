/** What crosses during a soak: transfers by TCP one behind the other, and pings to every VM. */
import type { SeededChance } from '../../io/memory/chance.ts';
import { CommandError } from '../../tools/lab/program.ts';
import { ping, transfer } from '../../tools/lab/traffic.ts';
import { DeadlineError, pause } from '../../tools/lab/wait.ts';
import { type SoakWorld, USER, VMS, type Vm } from './world.ts';

export interface TrafficFigures {
  /** Transfers that came to their end with equal SHA-256, and those that a fault broke off. */
  transfers: number;
  brokenOff: number;
  mebibytes: number;
  pings: number;
  /** Requests without an answer: at least one of two frames was lost. */
  lost: number;
  /** Answers beyond the first: must be 0. */
  duplicates: number;
}

const MIB = 2 ** 20;
const TRANSFER_DEADLINE_MS = 25_000;
const PINGS = 20;

export class Traffic {
  readonly figures: TrafficFigures = {
    transfers: 0,
    brokenOff: 0,
    mebibytes: 0,
    pings: 0,
    lost: 0,
    duplicates: 0,
  };
  #on = true;
  readonly #loops: Promise<void>[];

  constructor(
    private readonly world: SoakWorld,
    private readonly chance: SeededChance,
  ) {
    this.#loops = [this.#transfers(), ...VMS.map((vm) => this.#pings(vm))];
    // Whoever waits for the end hears of it; before that it must not end the process.
    for (const loop of this.#loops) loop.catch(() => undefined);
  }

  /** Resolves when the last of it is over. @throws Error when something crossed that must not */
  async stop(): Promise<void> {
    this.#on = false;
    await Promise.all(this.#loops);
    const { duplicates } = this.figures;
    if (duplicates > 0) throw new Error(`${duplicates} answers to pings came twice`);
  }

  /** Begins nothing more; what is under way ends with the lab. */
  abandon(): void {
    this.#on = false;
  }

  async #transfers(): Promise<void> {
    const { lab } = this.world;
    for (let port = 5201; this.#on; port++) {
      const vm = VMS[this.chance.below(VMS.length)]!;
      const out = this.chance.below(2) === 0;
      const mebibytes = 1 + this.chance.below(24);
      const way = out
        ? { from: 'user', to: vm.ns, address: vm.address }
        : { from: vm.ns, to: 'user', address: USER };
      try {
        const bytes = mebibytes * MIB;
        const { sent, received } = await transfer(lab, {
          ...way,
          port,
          bytes,
          deadline: TRANSFER_DEADLINE_MS,
        });
        if (received.bytes !== bytes || received.sha256 !== sent.sha256) {
          throw new Error(
            `${bytes} bytes crossed to ${vm.name} and ${received.bytes} came, with another SHA-256`,
          );
        }
        this.figures.transfers++;
        this.figures.mebibytes += mebibytes;
      } catch (error) {
        if (!(error instanceof DeadlineError || error instanceof CommandError)) throw error;
        this.figures.brokenOff++;
      }
      await pause(500);
    }
  }

  async #pings(vm: Vm): Promise<void> {
    while (this.#on) {
      const { received, duplicates } = await ping(this.world.lab, 'user', vm.address, {
        count: PINGS,
        interval: 0.1,
        wait: 1,
      });
      this.figures.pings += PINGS;
      this.figures.lost += PINGS - received;
      this.figures.duplicates += duplicates;
      await pause(100);
    }
  }
}
