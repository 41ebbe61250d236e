/**
 * Some servers, each with its machine, devices and log, a network between them, and a clock that stands still until a
 * test lets time pass. Nothing in it depends on the time that the test takes.
 */
import { VirtualClock } from '../../io/memory/clock.ts';
import { type MemoryHost, MemoryInternet } from '../../io/memory/network.ts';
import type { PeerCertificate } from '../../io/ports.ts';
import { Station, type StationOptions, type StationWorld } from './station.ts';
import { Talker } from './talker.ts';

export class MemoryWorld implements StationWorld {
  readonly clock = new VirtualClock();
  readonly internet = new MemoryInternet(this.clock);
  readonly stations: Station[] = [];
  /** What must stand in no line of any log. */
  readonly secrets = new Set<string>();
  #hosts = 0;

  /** A machine with a network address and a certificate of its own. */
  host(names: readonly string[] = []): MemoryHost {
    const number = ++this.#hosts;
    return this.internet.host(`10.0.0.${number}`, {
      names,
      certificate: certificateOf(names[0] ?? 'host', number),
    });
  }

  /** A machine with a server that does not run yet. Its name is that of its host, too. */
  station(name: string, options: Partial<StationOptions> = {}): Station {
    const station = new Station(this, name, this.host([name]), options);
    this.stations.push(station);
    return station;
  }

  /** What plays another server on a machine of its own: hands out each connection that comes. */
  async impostor(
    name: string,
    accept: (talker: Talker) => void,
    url = 'tcp://0.0.0.0:7411',
  ): Promise<MemoryHost> {
    const host = this.host([name]);
    await host.listen(url, (link) => accept(new Talker(this, link)));
    return host;
  }

  /** Lets everything happen that takes no time. */
  settle(): Promise<void> {
    return this.clock.settle();
  }

  elapse(ms: number): Promise<void> {
    return this.clock.elapse(ms);
  }

  /** Lets time pass until that is so, `ms` at most. @throws Error that says what was waited for */
  async until(condition: () => boolean, ms: number, what: () => string): Promise<void> {
    const end = this.clock.mono() + ms * 1e6;
    await this.settle();
    while (!condition()) {
      const { next } = this.clock;
      if (next === undefined || this.clock.mono() + next * 1e6 > end) {
        throw new Error(`there should be ${what()} within ${ms} ms`);
      }
      await this.clock.elapse(next);
    }
  }

  /** Stops what runs and checks what has to be true of every server after every test. @throws Error */
  async finish(): Promise<void> {
    for (const station of this.stations) if (station.running) this.#compare(station);
    for (const station of this.stations) {
      if (!station.running) continue;
      await station.stop();
      const open = [...station.fold().fold.live().keys()].filter((actor) => actor.startsWith('session:'));
      if (open.length > 0) throw new Error(`${station.name} has ended with open sessions: ${open.join(' ')}`);
    }
    for (const station of this.stations) this.#check(station);
  }

  /** The Handlers that live in the process are those that live in the log. */
  #compare(station: Station): void {
    const { verdict, fold } = station.fold();
    if (verdict.kind !== 'ok' || !station.server.journal.available) return;
    const logged = [...fold.live().keys()].filter((actor) => actor.startsWith('handler:')).sort();
    const real = station.server.handlers
      .all()
      .map(({ actor }) => actor)
      .sort();
    if (logged.join() !== real.join()) {
      throw new Error(`${station.name}: in the log ${logged.join(' ')}, in the process ${real.join(' ')}`);
    }
  }

  #check(station: Station): void {
    const { verdict } = station.fold();
    if (verdict.kind !== 'ok')
      throw new Error(`the log of ${station.name}: ${JSON.stringify(verdict, null, 1)}`);
    const texts = [
      ...station.journal.lines,
      ...station.diagnostics.entries.map((entry) => JSON.stringify(entry)),
    ];
    for (const secret of this.secrets) {
      const leak = texts.find((text) => text.includes(secret));
      if (leak !== undefined) throw new Error(`a secret stands in the log of ${station.name}: ${leak}`);
    }
    const errors = station.diagnostics.entries.filter(
      ({ level, message }) => level === 'error' && !station.expectedErrors.includes(message),
    );
    if (errors.length > 0) {
      const [first] = errors;
      const cause =
        first?.fields.err instanceof Error ? first.fields.err.stack : JSON.stringify(first?.fields);
      throw new Error(`${station.name} has told of an error: ${first?.message}: ${cause}`);
    }
  }
}

export function certificateOf(commonName: string, number: number): PeerCertificate {
  const fingerprint = `sha256:${number.toString(16).padStart(64, '0')}`;
  return {
    fingerprint,
    publicKey: `spki-${fingerprint}`,
    commonName,
    authorized: false,
    validTo: '2036-01-01T00:00:00Z',
  };
}
