/** What a policy says (`--policy`): rules by name, each for some identities. */

/**
 * What the identities of one rule may do: only what is listed. A list that is left out is empty, but for
 * `remoteDevices`, which is then everything. An entry `*` is everything.
 */
export interface PolicyRule {
  readonly name: string;
  /** Identities that it is for; `*`: those that no other rule names. */
  readonly identities: readonly string[];
  /** Verbs in capital letters; DONE and HELP? are always good. */
  readonly commands?: readonly string[];
  /** Devices of this server, as in HANDLE, `*` for any run of characters in names: `eth0`, `tap:vm*`, `tap:vm*?bridge=br0`. */
  readonly devices?: readonly string[];
  /** Devices of the other server, in the same form. */
  readonly remoteDevices?: readonly string[];
  /** Roles of this server's side. */
  readonly roles?: readonly string[];
  /** `52:54:00:12:34:56`, `52:54:00:*`, `52:54:00:00:00:00/24`. BRIDGE needs `*`. */
  readonly macs?: readonly string[];
  /** Servers that HANDLE may dial: `peer:office`, `tls://*.example.org:7411`, `tls://*`. */
  readonly remotes?: readonly string[];
  /** Which Handlers CLOSE, STATS?, TRACE?, DROPS?, CAPTURE and PING? are good for: `own`, those that this identity opened, is the default. */
  readonly handlers?: 'own' | 'all';
  /** Most Handlers that one identity may have at once; no bound when left out. */
  readonly mostHandlers?: number;
  /** Most bits a second: HANDLE and BEGIN must say `rate=` with no more. */
  readonly mostRate?: number;
  /** Most group-addressed frames a second: HANDLE and BEGIN must say `bcast-rate=` with no more. */
  readonly mostBcastRate?: number;
  /** Whether `l2cp=on` is good; false when left out. */
  readonly l2cp?: boolean;
}

export interface PolicyRules {
  readonly rules: readonly PolicyRule[];
}
