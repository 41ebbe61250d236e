/** Roles of a Handler's two sides, `<config>` (PROTOCOL.md section 3.2). */
import { bad, good, type Refusal, type Result } from './errors.ts';
import { ANY_MAC } from './mac.ts';
import { ROLES, type Role, type RoleConfig } from './types.ts';

const GOOD_PAIRS: Readonly<Record<Role, Role>> = { HOST: 'PROXY', PROXY: 'HOST', BRIDGE: 'BRIDGE' };

/** A role with its options, e.g. `PROXY:multicast=off`; else `bad-role`. */
export function parseRole(text: string): Result<RoleConfig> {
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  const role = ROLES.find((known) => known === name);
  if (!role)
    return bad('bad-role', 'a role is HOST, PROXY, PROXY:multicast=off or BRIDGE, in capital letters');
  if (colon < 0) return good({ role, multicast: true });
  const option = text.slice(colon + 1);
  if (role !== 'PROXY')
    return bad('bad-role', `${role} takes no options; only PROXY does: multicast=on or multicast=off`);
  if (option === 'multicast=on') return good({ role, multicast: true });
  if (option === 'multicast=off') return good({ role, multicast: false });
  return bad('bad-role', 'behind PROXY: stands multicast=on or multicast=off');
}

/** Normal form: an option that has its default is left out. */
export function formatRole({ role, multicast }: RoleConfig): string {
  return multicast ? role : `${role}:multicast=off`;
}

/** Good pairs are HOST–PROXY, PROXY–HOST and BRIDGE–BRIDGE. */
export function refuseRoles(local: RoleConfig, remote: RoleConfig): Refusal | undefined {
  if (GOOD_PAIRS[local.role] === remote.role) return undefined;
  return {
    reason: 'bad-roles-pair',
    text: `${local.role} and ${remote.role} do not go together; good are HOST PROXY, PROXY HOST and BRIDGE BRIDGE`,
  };
}

/** Checks the pair of roles, then that the addresses are of the kind that this pair takes. */
export function checkPair(
  local: RoleConfig,
  remote: RoleConfig,
  macs: readonly string[],
): Refusal | undefined {
  const refusal = refuseRoles(local, remote);
  if (refusal) return refusal;
  const any = macs.length === 1 && macs[0] === ANY_MAC;
  if (any === (local.role === 'BRIDGE')) return undefined;
  const text = any
    ? `${local.role} takes MAC addresses of machines; * is for BRIDGE`
    : 'BRIDGE takes * in place of MAC addresses';
  return { reason: 'bad-mac', text };
}
