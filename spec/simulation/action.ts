/** What one step of a history does, as plain data. */

import type { LineConditions } from '../../io/memory/line.ts';

/** How a client that said BEGIN in the place of a server goes on. */
export type ForgedPeer = 'silent' | 'alive' | 'bye' | 'shutting-down' | 'garbage' | 'destroy' | 'early';

interface For {
  /** Milliseconds that it lasts. */
  readonly ms: number;
}

/** `site`, `to`, `pick`, `device` are numbers taken modulo how many there are. */
export type Action =
  // ── What users and other servers do ──
  | {
      readonly kind: 'handle';
      readonly site: number;
      readonly to: number;
      readonly roles: 'HOST PROXY' | 'PROXY HOST' | 'BRIDGE BRIDGE';
      readonly local: number;
      readonly remote: number;
      readonly macs: readonly number[];
      readonly options: string;
      readonly wrongSecret: boolean;
    }
  | { readonly kind: 'close'; readonly pick: number; readonly atPeer: boolean }
  | { readonly kind: 'ask'; readonly site: number; readonly pick: number; readonly line: string }
  | { readonly kind: 'stats'; readonly pick: number; readonly atPeer: boolean }
  | { readonly kind: 'leave'; readonly pick: number; readonly how: 'DONE' | 'end' | 'destroy' }
  | {
      readonly kind: 'stranger';
      readonly site: number;
      readonly text: string;
      readonly how: 'end' | 'destroy';
    }
  | ({ readonly kind: 'take-over'; readonly pick: number; readonly way: ForgedPeer } & For)
  | ({
      readonly kind: 'foreign';
      readonly site: number;
      readonly device: number;
      readonly way: ForgedPeer;
    } & For)
  | {
      readonly kind: 'frames';
      readonly site: number;
      readonly device: number;
      /** Number of a MAC address; below 0 one that no Handler carries. */
      readonly source: number;
      /** The same; or everybody. */
      readonly destination: number | 'all' | 'some';
      readonly count: number;
      readonly length: number;
    }
  // ── What goes wrong on the way ──
  | ({ readonly kind: 'latency'; readonly site: number; readonly to: number; readonly delay: number } & For)
  | ({
      readonly kind: 'line';
      readonly site: number;
      readonly to: number;
      readonly line: LineConditions;
      /** Towards the end that dialled, the other one, or both. */
      readonly side: 'a' | 'b' | 'both';
    } & For)
  | ({ readonly kind: 'cut'; readonly site: number; readonly to: number } & For)
  | ({
      readonly kind: 'half-cut';
      readonly site: number;
      readonly to: number;
      readonly side: 'a' | 'b';
    } & For)
  | { readonly kind: 'reset'; readonly pick: number; readonly bytes: number }
  | ({ readonly kind: 'refuse'; readonly site: number; readonly how: 'refuses' | 'silent' } & For)
  // ── What goes wrong at a machine ──
  | ({ readonly kind: 'disk'; readonly site: number; readonly how: 'full' | 'sync-fails' | 'slow' } & For)
  | ({ readonly kind: 'crash'; readonly site: number; readonly how: 'process' | 'power' } & For)
  | ({
      readonly kind: 'crash-in-write';
      readonly site: number;
      /** Writes that still go well, and lines of the next that do. */
      readonly after: number;
      readonly keep: number;
    } & For)
  | ({ readonly kind: 'stop'; readonly site: number } & For)
  | ({
      readonly kind: 'device';
      readonly site: number;
      readonly device: number;
      readonly how: 'delete' | 'down' | 'full';
    } & For)
  | ({
      readonly kind: 'slow';
      readonly site: number;
      readonly what: 'devices' | 'verify';
      readonly delay: number;
    } & For)
  | ({ readonly kind: 'unopenable' | 'untold'; readonly site: number } & For)
  | { readonly kind: 'clock'; readonly hours: number };
