import { command } from '../cli/command.ts';
import { UsageError } from '../cli/failures.ts';
import { interrupted } from '../cli/interrupt.ts';
import { withHint } from '../client/hints.ts';
import { readSettings } from '../client/settings.ts';
import { FIRST_VIEW, keysIn, press, type View } from '../top/keys.ts';
import { arrange, keyOf, type Row } from '../top/model.ts';
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
  let stop: ReturnType<typeof interrupted> | undefined;
  try {
    for (const server of servers) {
      const { server: _, ...rest } = values;
      const settings = await readSettings(server === undefined ? rest : { ...rest, server }, around);
      sources.push(await Source.open(settings, told));
    }
    stop = interrupted();
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
    stop?.forget();
    for (const source of sources) source.close();
  }
});

class Top {
  #view: View = FIRST_VIEW;
  #shown: readonly Row[] = [];
  #selected: string | undefined;
  #detail: readonly string[] = [];
  readonly #asked = new Set<Source>();
  #running = true;
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
        if (!this.#view.paused) for (const source of this.sources) void this.#ask(source);
        this.#draw();
        await this.#pause();
      }
    } finally {
      this.#running = false;
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

  /** Each server by itself, so that none waits for another one that is silent. */
  async #ask(source: Source): Promise<void> {
    if (this.#asked.has(source)) return;
    this.#asked.add(source);
    await source.refresh();
    const row = source.rows.find((one) => keyOf(one) === this.#selected);
    if (row !== undefined) {
      const detail = await source.detail(row.id);
      if (keyOf(row) === this.#selected) this.#detail = [`Handler ${row.id}`, ...detail];
    }
    this.#asked.delete(source);
    if (this.#running && !this.#view.paused) this.#draw();
  }

  #draw(): void {
    const { order, filter, typing, paused, move } = this.#view;
    const rows = this.sources.flatMap((source) => source.rows);
    const problems = this.sources.flatMap(({ problem }) => problem ?? []);
    this.#shown = arrange(rows, order, filter);
    this.#select(move);
    this.#view = { ...this.#view, move: 0 };
    const { columns = 80, rows: lines = 24 } = process.stdout;
    const page = render(
      {
        servers: this.sources.map(({ server }) => server),
        rows: this.#shown,
        all: rows.length,
        order,
        filter,
        typing,
        paused,
        selected: this.#selected,
        detail: this.#detail,
        transitions: this.transitions,
        problem: problems.length === 0 ? undefined : problems.join('; '),
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
