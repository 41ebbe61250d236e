/** Too much waits already; nothing was done. */
export class Busy extends Error {
  constructor(message = 'too many passwords are waiting to be checked') {
    super(message);
    this.name = 'Busy';
  }
}

export interface FairQueueLimits {
  /** Jobs that may wait, of all keys together. */
  readonly total: number;
  /** Jobs that may wait of one key. */
  readonly perKey: number;
}

interface Job {
  run(): Promise<void>;
  refuse(error: Busy): void;
}

/**
 * Does one job at a time, and takes turns between keys: however many jobs one key has waiting, another key's
 * first job is at most one round away. When all places are taken, the key that has the most gives one up to a
 * key that has fewer.
 */
export class FairQueue {
  /** Keys in the order of their turns; each has at least one job. */
  readonly #waiting = new Map<string, Job[]>();
  #count = 0;
  #busy = false;

  constructor(readonly limits: FairQueueLimits) {}

  /** Jobs that wait. */
  get size(): number {
    return this.#count;
  }

  /** @throws Busy when there is no place, also later when the place is given to another key */
  run<T>(key: string, job: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const mine = this.#waiting.get(key)?.length ?? 0;
      if (mine >= this.limits.perKey || (this.#count >= this.limits.total && !this.#makeRoom(mine))) {
        reject(new Busy());
        return;
      }
      this.#add(key, {
        run: async () => {
          try {
            resolve(await job());
          } catch (error) {
            reject(error);
          }
        },
        refuse: reject,
      });
      this.#next();
    });
  }

  #add(key: string, job: Job): void {
    const jobs = this.#waiting.get(key);
    if (jobs) jobs.push(job);
    else this.#waiting.set(key, [job]);
    this.#count++;
  }

  /** Takes the youngest job of the fullest key away, if that key would still have no less than the newcomer. */
  #makeRoom(mine: number): boolean {
    let fullest: string | undefined;
    let most = mine + 1;
    for (const [key, jobs] of this.#waiting) {
      if (jobs.length > most) {
        fullest = key;
        most = jobs.length;
      }
    }
    if (fullest === undefined) return false;
    this.#waiting.get(fullest)?.pop()?.refuse(new Busy());
    this.#count--;
    return true;
  }

  #next(): void {
    if (this.#busy) return;
    const turn = this.#waiting.entries().next();
    if (turn.done) return;
    const [key, jobs] = turn.value;
    const job = jobs.shift() as Job;
    // To the end of the round, or out of it.
    this.#waiting.delete(key);
    if (jobs.length > 0) this.#waiting.set(key, jobs);
    this.#count--;
    this.#busy = true;
    void job.run().finally(() => {
      this.#busy = false;
      this.#next();
    });
  }
}
