/** What `vnet replay --format html` writes into the page and the page reads: JSON, compressed by gzip, as base64. */

/** All records as columns, one entry a record; the numbers of names lead into the lists of the index. */
export interface Columns {
  readonly seq: readonly number[];
  /** Microseconds since the record before; of the first record 0. */
  readonly time: readonly number[];
  readonly actor: readonly number[];
  readonly event: readonly number[];
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly machine: readonly number[];
}

export interface PageIndex {
  /** Records whose details are packed together. */
  readonly block: number;
  /** Microseconds since 1970 of the first record. */
  readonly begun: number;
  /** Whether each log is as it was written. */
  readonly good: boolean;
  /** A line a log. */
  readonly verdict: string;
  readonly actors: readonly string[];
  readonly events: readonly string[];
  /** `''` is the state before an actor is made. */
  readonly states: readonly string[];
  /** `name@version`; `''` where there is no definition, as for marks of the log itself. */
  readonly machines: readonly string[];
  readonly columns: Columns;
}

/** The details of one record: its event, the effects in words, and what changed in the context: path, before, after. */
export type PageDetail = readonly [
  event: { readonly type: string },
  effects: readonly string[],
  changes: readonly (readonly [path: string, before: unknown, after: unknown])[],
];

/** Ids of the elements that hold the packed data. */
export const INDEX_ID = 'index';
export const blockId = (number: number): string => `block${number}`;
