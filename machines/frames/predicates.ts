/**
 * The roles as functions over one Ethernet frame (PROTOCOL.md section 3.2). Each is made once per Handler and then
 * asked once per frame; the table of the roles is checked first, link-local control frames after it, so that
 * `l2cp` counts frames that would have crossed otherwise.
 */
import type { RoleConfig } from '../protocol/types.ts';
import { isBroadcast, isGroup, isLinkLocalControl, macHigh, macLow } from './ethernet.ts';
import { MacTable } from './mac-table.ts';

export const PASS = 0;
/** Outbound: the role does not ask for this frame. No loss: it was not meant to cross. */
export const UNSELECTED = 1;
/** A link-local control frame without `l2cp=on`. */
export const L2CP = 2;
/** Inbound at a HOST: the source is a VM of this very segment. */
export const LOOP = 3;
/** Inbound at a PROXY: the source is none of the Handler's MAC addresses. */
export const SPOOFED = 4;
/** Inbound at a HOST: the destination is neither a group nor one of the Handler's MAC addresses. */
export const FILTERED = 5;

export type Verdict = 0 | 1 | 2 | 3 | 4 | 5;

/** Name of each verdict, by its number. */
export const VERDICTS = ['pass', 'unselected', 'l2cp', 'loop', 'spoofed', 'filtered'] as const;

/** Judges the Ethernet frame (at least 14 bytes) whose first byte is at `frame`. */
export type Predicate = (buffer: Buffer, frame: number) => Verdict;

/** Whether the six bytes at `at` are one of the addresses. */
type Member = (buffer: Buffer, at: number) => boolean;

export interface PredicateOptions {
  /** Whether link-local control frames cross. */
  readonly l2cp: boolean;
}

/**
 * Device → peer: what this Handler takes from its device. `macs` are 48-bit numbers (none for BRIDGE).
 * That a Handler does not take what it put there itself is for the device to see to.
 */
export function outbound(config: RoleConfig, macs: readonly number[], options: PredicateOptions): Predicate {
  return guard(outboundRole(config, memberOf(macs)), options);
}

/**
 * Peer → device: what the peer may put on this device. `hosts` holds the addresses of all HOST Handlers on this
 * segment, and may change as they come and go; only a HOST looks at it.
 */
export function inbound(
  config: RoleConfig,
  macs: readonly number[],
  options: PredicateOptions,
  hosts: MacTable,
): Predicate {
  return guard(inboundRole(config, memberOf(macs), hosts), options);
}

function outboundRole({ role, multicast }: RoleConfig, member: Member): Predicate {
  switch (role) {
    case 'HOST':
      return (buffer, frame) => (member(buffer, frame + 6) ? PASS : UNSELECTED);
    case 'PROXY':
      return (buffer, frame) => {
        const wanted = isGroup(buffer, frame)
          ? multicast || isBroadcast(buffer, frame)
          : member(buffer, frame);
        return wanted && !member(buffer, frame + 6) ? PASS : UNSELECTED;
      };
    case 'BRIDGE':
      return () => PASS;
  }
}

function inboundRole({ role }: RoleConfig, member: Member, hosts: MacTable): Predicate {
  switch (role) {
    case 'HOST':
      return (buffer, frame) => {
        if (!isGroup(buffer, frame) && !member(buffer, frame)) return FILTERED;
        return hosts.hasAt(buffer, frame + 6) ? LOOP : PASS;
      };
    case 'PROXY':
      return (buffer, frame) => (member(buffer, frame + 6) ? PASS : SPOOFED);
    case 'BRIDGE':
      return () => PASS;
  }
}

/** Adds the rule for link-local control frames to a role. */
function guard(role: Predicate, { l2cp }: PredicateOptions): Predicate {
  if (l2cp) return role;
  return (buffer, frame) => {
    const verdict = role(buffer, frame);
    return verdict === PASS && isLinkLocalControl(buffer, frame) ? L2CP : verdict;
  };
}

function memberOf(macs: readonly number[]): Member {
  const [only] = macs;
  if (only === undefined || macs.length > 1) {
    const table = new MacTable(macs);
    return (buffer, at) => table.hasAt(buffer, at);
  }
  const high = Math.floor(only / 0x1_0000_0000);
  const low = (only % 0x1_0000_0000) | 0;
  return (buffer, at) => macLow(buffer, at) === low && macHigh(buffer, at) === high;
}
