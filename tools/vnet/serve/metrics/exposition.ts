/**
 * Metrics as text, by prom-client. Frames wait while that works, so it makes one metric in each turn of the event loop, and
 * the values go straight into its text: kept by the library with a hash of their labels they would take ten times as long.
 */
import {
  Counter,
  Gauge,
  type OpenMetricsContentType,
  type PrometheusContentType,
  Registry,
} from 'prom-client';
import { FAMILIES } from './families.ts';
import type { Family } from './family.ts';
import type { Figures } from './figures.ts';

export interface Exposed {
  readonly type: string;
  readonly text: string;
}

type AnyRegistry = Registry<OpenMetricsContentType> | Registry<PrometheusContentType>;
type Read = () => Promise<readonly Value[]>;

interface Value {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly sharedLabels: typeof NONE;
}

/** The library remembers the text of this object; without it, it would make and remember one for each value. */
const NONE = {};

class ReadCounter extends Counter {
  constructor(
    options: ConstructorParameters<typeof Counter>[0],
    private readonly read: Read,
  ) {
    super(options);
  }

  override async get() {
    return { ...(await super.get()), values: [...(await this.read())] };
  }
}

class ReadGauge extends Gauge {
  constructor(
    options: ConstructorParameters<typeof Gauge>[0],
    private readonly read: Read,
  ) {
    super(options);
  }

  override async get() {
    return { ...(await super.get()), values: [...(await this.read())] };
  }
}

/** A registry for one server and one form of text. */
class Exposition {
  readonly #registry: AnyRegistry;
  /** One text after the other, and one metric after the other. */
  #text: Promise<unknown> = Promise.resolve();
  #metric: Promise<unknown> = Promise.resolve();
  #figures: Figures | undefined;

  constructor(registry: AnyRegistry) {
    this.#registry = registry;
    for (const family of FAMILIES) {
      const { name, help, labels } = family;
      const options = { name, help, labelNames: labels, registers: [registry] };
      const read = () => this.#read(family);
      // It registers itself.
      family.type === 'counter' ? new ReadCounter(options, read) : new ReadGauge(options, read);
    }
  }

  /** @param figures whose metrics are read in the turns that follow */
  text(figures: Figures): Promise<string> {
    const made = this.#text.then(() => {
      this.#figures = figures;
      return this.#registry.metrics();
    });
    this.#text = made.catch(() => undefined);
    return made;
  }

  /** The library asks for all of them at once. */
  #read(family: Family): Promise<readonly Value[]> {
    const read = this.#metric.then(nextTurn).then(() => {
      if (this.#figures === undefined) throw new Error('nobody has asked for metrics');
      return [...family.samples(this.#figures)].map(([values, value]) => ({
        labels: Object.fromEntries(family.labels.map((label, i) => [label, values[i] ?? ''])),
        value,
        sharedLabels: NONE,
      }));
    });
    this.#metric = read.catch(() => undefined);
    return read;
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function openMetrics(): Registry<OpenMetricsContentType> {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

export class Expositions {
  readonly #open = new Exposition(openMetrics());
  readonly #plain = new Exposition(new Registry());

  /** @param accept the header of that name: who asks for text/plain, and not for OpenMetrics, gets Prometheus' older form */
  async text(figures: Figures, accept: string | undefined): Promise<Exposed> {
    const wantsPlain = accept?.includes('text/plain') === true && !accept.includes('openmetrics');
    return wantsPlain
      ? { type: Registry.PROMETHEUS_CONTENT_TYPE, text: await this.#plain.text(figures) }
      : { type: Registry.OPENMETRICS_CONTENT_TYPE, text: await this.#open.text(figures) };
  }
}
