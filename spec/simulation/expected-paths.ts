/**
 * Which frames may be heard where: the roles of PROTOCOL.md section 3.2 in slow and obvious code, of its own, so that
 * it can be held against the fast one.
 */
import type { Ends, HandlerOptions, RoleConfig } from '../../machines/protocol/types.ts';
import { BROADCAST, type SentFrame } from './probes.ts';

/** One end of a Handler. */
interface Egress {
  readonly segment: string;
  readonly config: RoleConfig;
}

/** A Handler as a way between two segments, and when it was one. Times in nanoseconds of the simulation's clock. */
export interface Way {
  readonly id: string;
  readonly ends: readonly [Egress, Egress];
  readonly macs: readonly string[];
  /** It has a cap on broadcast frames, and may drop any of them. */
  readonly capped: boolean;
  readonly from: number;
  until: number;
}

export function wayOf(
  id: string,
  ends: Ends & { readonly options: HandlerOptions },
  segments: readonly [string, string],
  from: number,
): Way {
  return {
    id,
    macs: ends.macs,
    capped: ends.options.bcastRate !== undefined,
    ends: [
      { segment: segments[0], config: ends.localConfig },
      { segment: segments[1], config: ends.remoteConfig },
    ],
    from,
    until: Number.POSITIVE_INFINITY,
  };
}

const isGroup = (mac: string): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;

function leaves({ role, multicast }: RoleConfig, macs: readonly string[], frame: SentFrame): boolean {
  const { source, destination } = frame;
  if (role === 'BRIDGE') return true;
  if (role === 'HOST') return macs.includes(source);
  const group = destination === BROADCAST || (isGroup(destination) && multicast);
  return (macs.includes(destination) || group) && !macs.includes(source);
}

function arrives({ role }: RoleConfig, macs: readonly string[], hosts: readonly string[], frame: SentFrame) {
  const { source, destination } = frame;
  if (role === 'BRIDGE') return true;
  if (role === 'PROXY') return macs.includes(source);
  return (macs.includes(destination) || isGroup(destination)) && !hosts.includes(source);
}

/**
 * Every way by which a frame can come to each segment: lists of Handlers, one for each time that it may be heard.
 * @param hostsOn MAC addresses of all HOST Handlers on a segment, where that is known: what comes from them has gone round
 */
export function expectedPaths(
  frame: SentFrame,
  ways: readonly Way[],
  hostsOn?: (segment: string) => readonly string[],
): Map<string, readonly (readonly string[])[]> {
  const found = new Map<string, (readonly string[])[]>();
  const go = (segment: string, taken: readonly string[]): void => {
    for (const way of ways) {
      if (taken.includes(way.id)) continue;
      for (const [near, far] of [way.ends, [way.ends[1], way.ends[0]] as const]) {
        const hosts = hostsOn?.(far.segment) ?? way.macs;
        if (near.segment !== segment) continue;
        if (!leaves(near.config, way.macs, frame) || !arrives(far.config, way.macs, hosts, frame)) continue;
        const path = [...taken, way.id];
        found.set(far.segment, [...(found.get(far.segment) ?? []), path]);
        go(far.segment, path);
      }
    }
  };
  go(frame.origin, []);
  return found;
}
