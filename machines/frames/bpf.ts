/**
 * What the Handlers on one segment take from it, as a classic BPF program for the kernel (linux/filter.h), so that
 * other traffic is dropped before it is copied. It looks at the two addresses only; VLAN tags that the kernel has
 * taken out make no difference.
 *
 * It is one program for all of them, not one behind the other. With M the addresses of a Handler, d and s those of the
 * frame, at least one takes the frame when
 *
 * - HOST: s is in the union of all M;
 * - PROXY, d a single station: one that has d in its M does not have s there. That is: s is not in the intersection of
 *   all M that hold d. Mostly it holds d alone, and s ≠ d is asked once for all;
 * - PROXY, d a group: s is not in the intersection of the M of all that take such groups, which is empty from two
 *   Handlers on, if each address is one Handler's.
 */
import type { RoleConfig } from '../protocol/types.ts';
import {
  AND,
  type BpfInstruction,
  JEQ,
  JEQX,
  JSET,
  type Label,
  LDB,
  LDH,
  LDW,
  MOST_INSTRUCTIONS,
  Program,
  RET,
  RSH,
  TAX,
} from './bpf-program.ts';
import { Addresses } from './bpf-ranges.ts';
import { emitSearch } from './bpf-search.ts';

export { type BpfInstruction, MOST_INSTRUCTIONS };

/** Role and addresses (48-bit numbers; none for BRIDGE) of one Handler, as seen from this segment. */
export interface FilterRole {
  readonly config: RoleConfig;
  readonly macs: readonly number[];
  readonly l2cp: boolean;
}

const DESTINATION = 0;
const SOURCE = 6;
/** Bytes of an accepted frame that are kept: all. */
const WHOLE = 0x40000;

/**
 * The program that passes a frame when one of the Handlers' outbound predicates does. Where it has room enough it passes
 * no other frame; else it passes some more, the fewer the more room there is.
 * @param most instructions that it may have
 * @returns null when every frame passes: no filter then
 */
export function compileFilter(
  handlers: readonly FilterRole[],
  most = MOST_INSTRUCTIONS,
): BpfInstruction[] | null {
  if (handlers.some(({ config, l2cp }) => config.role === 'BRIDGE' && l2cp)) return null;
  const all = handlers.reduce((sum, { macs }) => sum + macs.length, 0);
  // More than fit: not even tried, as it would take its time.
  if (all <= most) {
    const program = new Filter(handlers).compile();
    if (program.length <= most) return program.assemble();
  }
  const rough = roughly(handlers);
  for (let ranges = Math.floor(most * 0.75); ranges >= 1; ranges = Math.floor(ranges * 0.7)) {
    const program = new Filter(handlers, { ...rough, ranges }).compile();
    if (program.length <= most) return program.assemble();
  }
  return null;
}

/** How to go about it when there is no room for every address: in so many ranges. */
interface Rough {
  readonly ranges: number;
  readonly hosts: Addresses;
  readonly controlHosts: Addresses;
  readonly proxies: Addresses;
}

const addressesOf = (handlers: readonly FilterRole[]): Addresses =>
  new Addresses(handlers.flatMap(({ macs }) => macs));

function roughly(handlers: readonly FilterRole[]): Omit<Rough, 'ranges'> {
  const hosts = handlers.filter(({ config }) => config.role === 'HOST');
  return {
    hosts: addressesOf(hosts),
    controlHosts: addressesOf(hosts.filter(({ l2cp }) => l2cp)),
    proxies: addressesOf(handlers.filter(({ config }) => config.role === 'PROXY')),
  };
}

const takes =
  (group: 'broadcast' | 'multicast' | 'control') =>
  ({ config, l2cp }: FilterRole): boolean =>
    group === 'broadcast' || (config.multicast && (group === 'multicast' || l2cp));

class Filter {
  readonly #program = new Program();
  readonly #accept = this.#program.label();
  readonly #drop = this.#program.label();
  /** Tests that are emitted last, by the PROXYs: the source must not be one of the addresses that all of them have. */
  readonly #outside = new Map<string, { label: Label; macs: ReadonlySet<number> }>();
  readonly #hosts: readonly FilterRole[];
  readonly #proxies: readonly FilterRole[];

  constructor(
    private readonly handlers: readonly FilterRole[],
    private readonly rough?: Rough,
  ) {
    this.#hosts = handlers.filter(({ config }) => config.role === 'HOST');
    this.#proxies = handlers.filter(({ config }) => config.role === 'PROXY');
  }

  compile(): Program {
    const program = this.#program;
    const control = program.label();
    const apart = this.handlers.some(({ l2cp }) => !l2cp);
    if (apart) this.#toControl(control);
    this.#ordinary();
    if (apart) {
      program.place(control);
      const hosts = this.#hosts.filter(({ l2cp }) => l2cp);
      this.#fromHosts(hosts, this.rough?.controlHosts);
      program.jump(this.#toGroup('control'));
    }
    for (const { label, macs } of this.#outside.values()) {
      program.place(label);
      this.#search(SOURCE, macs, this.#drop, this.#accept);
    }
    program.place(this.#drop);
    program.emit(RET, 0);
    program.place(this.#accept);
    program.emit(RET, WHOLE);
    return program;
  }

  /** Jumps for 01:80:c2:00:00:00 to 0f. */
  #toControl(control: Label): void {
    const program = this.#program;
    const other = program.label();
    program.emit(LDW, DESTINATION);
    program.emit(RSH, 8);
    program.unless(JEQ, 0x0180c2, other);
    program.emit(LDW, DESTINATION + 2);
    program.emit(AND, 0xfffff0);
    program.when(JEQ, 0, control);
    program.place(other);
  }

  /** Every frame that is not link-local control, or is not told from others. */
  #ordinary(): void {
    const program = this.#program;
    if (this.handlers.some(({ config }) => config.role === 'BRIDGE')) {
      program.jump(this.#accept);
      return;
    }
    this.#fromHosts(this.#hosts, this.rough?.hosts);
    if (this.#proxies.length === 0) {
      program.jump(this.#drop);
      return;
    }
    const group = program.label();
    program.emit(LDB, DESTINATION);
    program.when(JSET, 1, group);
    this.#toStation();
    program.place(group);
    this.#toAnyGroup();
  }

  #fromHosts(hosts: readonly FilterRole[], rough: Addresses | undefined): void {
    if (hosts.length === 0) return;
    const next = this.#program.label();
    if (rough === undefined) {
      this.#search(SOURCE, new Set(hosts.flatMap(({ macs }) => macs)), this.#accept, next);
    } else {
      rough.emit(this.#program, SOURCE, this.#accept, next, this.rough!.ranges);
    }
    this.#program.place(next);
  }

  /** PROXY, the destination is a single station. */
  #toStation(): void {
    const program = this.#program;
    const different = program.label();
    program.emit(LDW, DESTINATION);
    program.emit(TAX);
    program.emit(LDW, SOURCE);
    program.unless(JEQX, 0, different);
    program.emit(LDH, DESTINATION + 4);
    program.emit(TAX);
    program.emit(LDH, SOURCE + 4);
    program.when(JEQX, 0, this.#drop);
    program.place(different);
    if (this.rough === undefined) emitSearch(program, DESTINATION, this.#stations(), this.#drop);
    else this.rough.proxies.emit(program, DESTINATION, this.#accept, this.#drop, this.rough.ranges);
  }

  /** Where to go for each address of a PROXY. */
  #stations(): Map<number, Label> {
    const owners = new Map<number, number[]>();
    this.#proxies.forEach(({ macs }, index) => {
      for (const mac of new Set(macs)) {
        const having = owners.get(mac);
        if (having === undefined) owners.set(mac, [index]);
        else having.push(index);
      }
    });
    return new Map([...owners].map(([mac, having]) => [mac, this.#unlessFromAll(having, true)]));
  }

  /** PROXY, the destination is a group. */
  #toAnyGroup(): void {
    const program = this.#program;
    const [all, some] = [this.#toGroup('broadcast'), this.#toGroup('multicast')];
    if (all !== some) {
      program.emit(LDW, DESTINATION);
      program.unless(JEQ, 0xffffffff, some);
      program.emit(LDH, DESTINATION + 4);
      program.unless(JEQ, 0xffff, some);
    }
    program.jump(all);
  }

  /** Where to go for a group of this kind. */
  #toGroup(kind: 'broadcast' | 'multicast' | 'control'): Label {
    const takers = this.#proxies.flatMap((proxy, index) => (takes(kind)(proxy) ? [index] : []));
    return takers.length === 0 ? this.#drop : this.#unlessFromAll(takers, false);
  }

  /**
   * Accepts unless the source is an address of all these (indices of PROXYs).
   * @param toOne The destination is such an address, and not the source
   */
  #unlessFromAll(proxies: readonly number[], toOne: boolean): Label {
    if (this.rough !== undefined) return this.#accept;
    const key = proxies.join();
    const known = this.#outside.get(key);
    const macs = known?.macs ?? intersection(proxies.map((index) => this.#proxies[index]!.macs));
    if (macs.size === 0 || (macs.size === 1 && toOne)) return this.#accept;
    const label = known?.label ?? this.#program.label();
    if (known === undefined) this.#outside.set(key, { label, macs });
    return label;
  }

  #search(at: number, macs: ReadonlySet<number>, hit: Label, miss: Label): void {
    emitSearch(this.#program, at, new Map([...macs].map((mac) => [mac, hit])), miss);
  }
}

function intersection([first, ...others]: readonly (readonly number[])[]): Set<number> {
  let common = new Set(first);
  for (const macs of others) {
    if (common.size === 0) break;
    const theirs = new Set(macs);
    common = new Set([...common].filter((mac) => theirs.has(mac)));
  }
  return common;
}
