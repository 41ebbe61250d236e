import { command } from '../cli/command.ts';
import { UsageError } from '../cli/failures.ts';
import { interrupted } from '../cli/interrupt.ts';
import { withHint } from '../client/hints.ts';
import { readSettings } from '../client/settings.ts';
import { FIRST_VIEW, keysIn, press, type View } from '../top/keys.ts';
import { arrange, keyOf, type Row, rates, type Sample } from '../top/model.ts';
import { render } from '../top/screen.ts';
import { Source } from '../top/source.ts';
import { TOP } from '../usage/frames.ts';

const EVERY_MS = 1_000;
const MOST_KEPT = 20;
/** The page behind the shell's own, without a cursor; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

/** `vnet top`. */
export const top = command(TOP, async ({ values }, around) => {
  const { stdin, stdout } = process;
  if (around.columns === undefined || !stdin.isTTY) {
    throw new UsageError('it needs a terminal; `vnet handlers` and `vnet stats` go anywhere');
  }
  const servers = values.server ?? [undefined];
  const transitions: string[] = [];
  const told = (line: string) => {
    transitions.push(line);
    if (transitions.length > MOST_KEPT) transitions.shift();
  };
  const sources: Source[] = [];
  const stop = interrupted();
  try {
    for (const server of servers) {
      const { server: _, ...rest } = values;
      const settings = await readSettings(server === undefined ? rest : { ...rest, server }, around);
      sources.push(await Source.open(settings, told));
    }
    stdout.write(ENTER);
    stdin.setRawMode(true);
    await new Top(sources, transitions, stop.signal).run();
    return 0;
  } catch (error) {
    throw withHint(error);
  } finally {
    if (stdin.isRaw) {
      stdin.setRawMode(false);
      stdin.pause();
      stdout.write(LEAVE);
    }
    stop.forget();
    for (const source of sources) source.close();
  }
});

class Top {
  #view: View = FIRST_VIEW;
  #rows: readonly Row[] = [];
  #shown: readonly Row[] = [];
  #before: readonly Sample[] = [];
  #askedAt = 0;
  #selected: string | undefined;
  #detail: readonly string[] = [];
  #problem: string | undefined;
  #wake: () => void = () => undefined;

  constructor(
    private readonly sources: readonly Source[],
    private readonly transitions: readonly string[],
    private readonly stop: AbortSignal,
  ) {}

  /** Until it is quit. */
  async run(): Promise<void> {
    const { stdin, stdout } = process;
    const key = (data: Buffer) => {
      this.#view = keysIn(data.toString('latin1')).reduce(press, this.#view);
      this.#draw();
      if (this.#view.quit) this.#wake();
    };
    const redraw = () => this.#draw();
    const end = () => this.#wake();
    stdin.on('data', key);
    stdout.on('resize', redraw);
    this.stop.addEventListener('abort', end);
    try {
      while (!this.#view.quit && !this.stop.aborted) {
        if (!this.#view.paused) await this.#ask();
        this.#draw();
        await this.#pause();
      }
    } finally {
      stdin.off('data', key);
      stdout.off('resize', redraw);
      this.stop.removeEventListener('abort', end);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, EVERY_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #ask(): Promise<void> {
    try {
      const now = performance.now();
      const samples = (await Promise.all(this.sources.map((source) => source.sample()))).flat();
      const seconds = Math.max(0.001, (now - this.#askedAt) / 1000);
      this.#rows = rates(this.#before, samples, seconds);
      this.#before = samples;
      this.#askedAt = now;
      this.#problem = undefined;
      await this.#askDetail();
    } catch (error) {
      this.#problem = (error as Error).message.split('\n')[0];
    }
  }

  async #askDetail(): Promise<void> {
    const row = this.#rows.find((one) => keyOf(one) === this.#selected);
    const source = this.sources.find(({ server }) => server === row?.server);
    this.#detail =
      row === undefined || source === undefined
        ? []
        : [`Handler ${row.id}`, ...(await source.detail(row.id))];
  }

  #draw(): void {
    const { order, filter, typing, paused, move } = this.#view;
    this.#shown = arrange(this.#rows, order, filter);
    this.#select(move);
    this.#view = { ...this.#view, move: 0 };
    const { columns = 80, rows: lines = 24 } = process.stdout;
    const page = render(
      {
        servers: this.sources.map(({ server }) => server),
        rows: this.#shown,
        all: this.#rows.length,
        order,
        filter,
        typing,
        paused,
        selected: this.#selected,
        detail: this.#detail,
        transitions: this.transitions,
        problem: this.#problem,
        time: new Date().toTimeString().slice(0, 8),
      },
      columns,
      lines,
    );
    // Each line is written over the one before and its rest wiped, so that nothing flickers.
    process.stdout.write(`\x1b[H${page.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`);
  }

  /** The selection stays with its Handler; where that is gone, the first row has it. */
  #select(move: number): void {
    const at = this.#shown.findIndex((row) => keyOf(row) === this.#selected);
    const wanted = Math.min(this.#shown.length - 1, Math.max(0, at + move));
    const row = this.#shown[at < 0 ? 0 : wanted];
    const next = row === undefined ? undefined : keyOf(row);
    if (next !== this.#selected) this.#detail = [];
    this.#selected = next;
  }
}
