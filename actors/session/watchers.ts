/**
 * WATCH: the records as they are written, to any number of clients. A slow one is told how many it missed, and
 * never slows the server.
 */
import type { LogRecord } from '../../machines/log/record.ts';
import { dataLine } from '../../machines/protocol/format.ts';

/** One session that watches. */
export interface Watcher {
  /** Whether another line may be queued for it now. */
  readonly ready: boolean;
  write(line: string): void;
}

export class Watchers {
  /** With the number of records each has missed since its last line. */
  readonly #missed = new Map<Watcher, number>();

  add(watcher: Watcher): void {
    this.#missed.set(watcher, 0);
  }

  delete(watcher: Watcher): void {
    this.#missed.delete(watcher);
  }

  /** A record was written. */
  readonly tell = (record: LogRecord): void => {
    if (this.#missed.size === 0) return;
    const line = formatEvent(record);
    for (const [watcher, missed] of this.#missed) {
      if (!watcher.ready) {
        this.#missed.set(watcher, missed + 1);
        continue;
      }
      this.#confess(watcher, missed);
      watcher.write(line);
    }
  };

  /** The watcher has read on. */
  ready(watcher: Watcher): void {
    this.#confess(watcher, this.#missed.get(watcher) ?? 0);
  }

  #confess(watcher: Watcher, missed: number): void {
    if (missed === 0 || !watcher.ready) return;
    watcher.write(dataLine('EVENT', { missed }));
    this.#missed.set(watcher, 0);
  }
}

function formatEvent({ seq, time, actor, event, from, to }: LogRecord): string {
  const { type, ...rest } = event;
  const detail = Object.keys(rest).length === 0 ? undefined : JSON.stringify(rest);
  return dataLine('EVENT', { seq, time, actor, event: type, from, to, detail });
}
