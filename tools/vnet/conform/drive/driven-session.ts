import type { CaseContext } from '../case-context.ts';
import type { FakePeer, Visit } from '../fake-peer.ts';
import type { SessionView } from '../model/session.ts';
import type { Names } from '../names.ts';
import type { Talk } from '../talk.ts';
import type { Standing } from './preconditions.ts';

/** A session in the middle of its case: what those who make things happen to it and look at it share. */
export interface DrivenSession {
  readonly bench: CaseContext;
  readonly talk: Talk;
  readonly view: SessionView;
  /** The line of BEGIN with which another server would take the Handler over is made of them. */
  readonly names: Names;
  /** Once a watch was on, EVENT lines may stand before any answer. */
  watched: boolean;
  /** Id that the server gave the session. */
  session: string | undefined;
  /** The Handler that its HANDLE or BEGIN is about. */
  handler: string;
  readonly standing: Standing | undefined;
  readonly standIn: FakePeer | undefined;
  /** The far end of HANDLE. */
  visit: Visit | undefined;
  /** The server in this process waits for us: with its verdict on a HELLO, with opening a device. */
  verdictHeld: boolean;
  readonly devicesHeld: boolean;
  /** The server was told to end. */
  down: boolean;
}
