/**
 * What the kernel of a namespace counts as damaged on arrival (/proc/net/snmp and snmp6, RFC 4113, 4022 and 4293):
 * a frame whose checksum is wrong is dropped there and sent again, so the bytes alone would not show it.
 */

/** Counters of /proc/net/snmp by group. Tcp InErrs has wrong header lengths beside wrong checksums. */
const WATCHED: readonly (readonly [group: string, name: string])[] = [
  ['Ip', 'InHdrErrors'],
  ['Icmp', 'InCsumErrors'],
  ['Tcp', 'InErrs'],
  ['Tcp', 'InCsumErrors'],
  ['Udp', 'InCsumErrors'],
];

/** Counters of /proc/net/snmp6, which is not there without IPv6. */
const WATCHED6 = ['Ip6InHdrErrors', 'Icmp6InCsumErrors', 'Udp6InCsumErrors'] as const;

/** Counters by name, group in front: `TcpInErrs`. */
export type Counters = Readonly<Record<string, number>>;

/** Every counter in the text of /proc/net/snmp: for each group a line of names, then one of values. */
export function readSnmp(text: string): Counters {
  const counters: Record<string, number> = {};
  const lines = text.split('\n').map((line) => line.split(/[: ]+/));
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const [group = '', ...names] = lines[at]!;
    const [again, ...values] = lines[at + 1]!;
    if (again !== group) throw new Error(`/proc/net/snmp: the values of ${group} are missing`);
    names.forEach((name, index) => {
      counters[group + name] = Number(values[index]);
    });
  }
  return counters;
}

/** Every counter in the text of /proc/net/snmp6: a name and a value to a line. */
export function readSnmp6(text: string): Counters {
  const pairs = [...text.matchAll(/^(\w+)\s+(\d+)$/gm)];
  return Object.fromEntries(pairs.map(([, name = '', value]) => [name, Number(value)]));
}

/** The counters of damage among those of both files. @throws Error when the kernel lacks one of /proc/net/snmp */
export function damage(snmp: string, snmp6: string): Counters {
  const all = readSnmp(snmp);
  const found: Record<string, number> = {};
  for (const [group, name] of WATCHED) {
    const value = all[group + name];
    if (value === undefined) throw new Error(`/proc/net/snmp has no ${name} of ${group}`);
    found[group + name] = value;
  }
  const six = readSnmp6(snmp6);
  for (const name of WATCHED6) if (six[name] !== undefined) found[name] = six[name];
  return found;
}

/** By how much each counter moved, those that did. */
export function moved(before: Counters, after: Counters): Counters {
  const steps = Object.keys(after).map((name) => [name, after[name]! - (before[name] ?? 0)] as const);
  return Object.fromEntries(steps.filter(([, step]) => step !== 0));
}
