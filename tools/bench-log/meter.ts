/** Time on the clock and of the processor: on a machine that others use too, the second is the steadier one. */
export class Meter {
  readonly #started = performance.now();
  readonly #cpu = process.cpuUsage();

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** `N/s (M for each second of CPU, all threads together)` */
  rate(count: number): string {
    const { user, system } = process.cpuUsage(this.#cpu);
    const cpu = (user + system) / 1e6;
    return `${Math.round(count / this.seconds)}/s (${Math.round(count / cpu)} for each second of CPU)`;
  }
}
