/** What is known at one moment, of which all metrics are made. */
import type { Segment } from '../../../../actors/packet-path/segment.ts';
import type { HandlerView } from '../../../../actors/session/world.ts';
import type { JournalState } from '../../../../actors/world.ts';
import type { ProcessFigures } from './process.ts';

/** A server, as far as metrics tell of it. */
export interface ServerView {
  readonly name: string;
  readonly version: string;
  readonly limits: { readonly sessions: number; readonly handlers: number };
  readonly journal: JournalState;
  readonly sessions: { readonly count: number; readonly strangers: number; readonly turnedAway: number };
  readonly handlers: { all(): readonly HandlerView[] };
  readonly devices: { segments(): Iterable<readonly [string, Segment]> };
}

/** What only those know who put the server together. */
export interface Beside {
  /** Lines of diagnostics that could not be written. */
  readonly diagnosticsDropped: number;
  /** When our own certificate ends, in seconds since 1970; undefined without one. */
  readonly certificateEnds: number | undefined;
}

export interface Figures {
  readonly server: Pick<ServerView, 'name' | 'version' | 'limits' | 'journal' | 'sessions'>;
  readonly handlers: readonly HandlerView[];
  /** Open devices by the names of their actors. */
  readonly segments: readonly (readonly [string, Segment])[];
  readonly process: ProcessFigures;
  readonly beside: Beside;
}

/**
 * Looks at the server now.
 * @param sees whether that Handler may be told of; devices are told of all, or of those Handlers only
 */
export function figuresOf(
  server: ServerView,
  process: ProcessFigures,
  beside: Beside,
  sees: (handler: string) => boolean = () => true,
): Figures {
  const all = server.handlers.all().filter(({ state }) => state !== 'closed');
  const handlers = all.filter(({ context }) => sees(context.id));
  const segments = [...server.devices.segments()];
  const places = new Set(handlers.map(({ onDevice }) => onDevice?.ifindex));
  const seen = segments.filter(
    ([, { device }]) => handlers.length === all.length || places.has(device.ifindex),
  );
  return { server, handlers, segments: seen, process, beside };
}
