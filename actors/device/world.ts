/** What the devices of a server need of the rest of it. */
import type { Reason } from '../../machines/protocol/errors.ts';
import type { Segment } from '../packet-path/segment.ts';
import type { World } from '../world.ts';

/** What a Handler hears of its device. */
export interface DeviceUser {
  deviceOpen(segment: Segment): void;
  deviceFailed(reason: Reason, text: string): void;
  deviceGone(why: string): void;
  /** There is an interface again of the name that it waits for. */
  deviceBack(): void;
}

export interface DeviceWorld
  extends Pick<World, 'clock' | 'diagnostics' | 'interfaces' | 'journal' | 'limits'> {
  readonly handlers: {
    /** Undefined when it is not there any more. */
    byActor(actor: string): DeviceUser | undefined;
  };
}
