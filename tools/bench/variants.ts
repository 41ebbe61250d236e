/**
 * What is measured. Each variant stands alone in a lab of two namespaces while it is measured:
 *
 *     near [overlay 10.88.0.1] ── vnet ──┐            ┌── vnet ── [overlay 10.88.0.2] far
 *                                  ul0 10.99.0.1 ─ 10.99.0.2 ul0
 *
 * The cable between them is direct, or a line with a length.
 */
import type { LineConditions } from '../../io/memory/line.ts';
import { Lab } from '../lab/lab.ts';
import { Line } from '../lab/line.ts';
import { type ServerOptions, VnetServer } from '../lab/server.ts';
import type { Testbed } from './probes.ts';
import { type Relay, startRelay } from './relay.ts';

export const BACKENDS = ['tap', 'packet', 'pcap'] as const;
export type Backend = (typeof BACKENDS)[number];

export interface Variant {
  readonly name: string;
  /** In the table and the plot. */
  readonly title: string;
  readonly scheme?: 'tcp' | 'tls';
  readonly backend?: Backend;
  readonly offload?: 'on' | 'off';
  /** Most wires of the Handler; what the server takes when nothing is said, when left out. */
  readonly wires?: number;
  /** No servers, but a least relay. */
  readonly relay?: Relay;
  /** How the servers are run; this build's own, without further options, when left out. */
  readonly run?: ServerRun;
}

/** What is typed in place of `vnet`, and options of `vnet serve`. */
export type ServerRun = Pick<ServerOptions, 'command' | 'args'>;

export const DIRECT = 'direct';

export const VARIANTS: readonly Variant[] = [
  { name: DIRECT, title: 'direct veth' },
  { name: 'tap', title: 'TAP, TCP', scheme: 'tcp', backend: 'tap', offload: 'on' },
  { name: 'tls', title: 'TAP, TLS', scheme: 'tls', backend: 'tap', offload: 'on' },
  { name: 'packet', title: 'packet: on veth, TCP', scheme: 'tcp', backend: 'packet', offload: 'on' },
  { name: 'pcap', title: 'pcap: on veth, TCP', scheme: 'tcp', backend: 'pcap', offload: 'on' },
  { name: 'small', title: 'TAP, TCP, offload=off', scheme: 'tcp', backend: 'tap', offload: 'off' },
  { name: 'relay', title: 'least relay, C++', relay: 1 },
  { name: 'relay2', title: 'least relay, C++, 2 threads', relay: 2 },
  { name: 'bare', title: 'least relay, Node', relay: 'node' },
];

const NEAR = { ns: 'near', underlay: '10.99.0.1', overlay: '10.88.0.1' } as const;
const FAR = { ns: 'far', underlay: '10.99.0.2', overlay: '10.88.0.2' } as const;
const SIDES = [NEAR, FAR] as const;

/** Neighbour discovery on every new interface would go on for minutes and be measured too. */
const WITHOUT_IPV6 = 'cd /proc/sys/net/ipv6/conf && for x in all default; do echo 1 >$x/disable_ipv6; done';

/** Two namespaces with a cable between them, or a line under these conditions each way. */
export async function newLab(line?: LineConditions): Promise<Lab> {
  const lab = new Lab();
  await lab.addNamespaces(NEAR.ns, FAR.ns);
  for (const { ns } of SIDES) await lab.run(ns, ['sh', '-c', WITHOUT_IPV6]);
  const [near, far] = SIDES.map(({ ns, underlay }) => ({ ns, dev: 'ul0', addresses: [`${underlay}/24`] }));
  if (line === undefined) await lab.addCable(near!, far!);
  else await Line.lay(lab, near!, far!, line);
  return lab;
}

/** Where the servers hear each other. */
export const SERVER_PORT = 7411;

/** One server at each end of the cable, started. `tls`: each admits the other's certificate. */
export async function newServers(
  lab: Lab,
  scheme: 'tcp' | 'tls',
  { args = [], ...run }: ServerRun = {},
): Promise<[VnetServer, VnetServer]> {
  const [near, far] = SIDES.map(
    ({ ns, underlay }) =>
      new VnetServer(lab, {
        ns,
        name: ns,
        listen: `${scheme}://${underlay}:${SERVER_PORT}`,
        args: ['--allow-plaintext', ...args],
        ...run,
      }),
  ) as [VnetServer, VnetServer];
  if (scheme === 'tls') {
    await Promise.all([near.makeKey(), far.makeKey()]);
    near.authorize(far);
    far.authorize(near);
  }
  await Promise.all([near.start(), far.start()]);
  return [near, far];
}

/** Remote and `<auth>` of a HANDLE that `near` is told. */
export function farRemote(far: VnetServer, scheme: 'tcp' | 'tls', secret: string): string {
  const url = `${scheme}://${FAR.underlay}:${SERVER_PORT}`;
  return scheme === 'tls' ? `${url}?pin=${far.fingerprint} cert` : `${url} password:${secret}`;
}

const reach = (address: string): string[] => ['ping', '-n', '-c', '3', '-i', '0.2', '-W', '5', address];

/** Sets a variant up. @returns where to measure; `lab.close()` takes all of it away */
export async function stand(variant: Variant, secret: string, line?: LineConditions): Promise<Testbed> {
  const lab = await newLab(line);
  try {
    const testbed = await build(lab, variant, secret);
    await lab.run(testbed.near, reach(testbed.address), { timeout: 20_000 });
    return testbed;
  } catch (error) {
    lab.close();
    throw error;
  }
}

async function build(lab: Lab, variant: Variant, secret: string): Promise<Testbed> {
  const { scheme, backend, offload, wires, relay, run } = variant;
  const testbed = { lab, near: NEAR.ns, far: FAR.ns };
  if (relay !== undefined) {
    const pids = await startRelay(lab, { near: NEAR.ns, far: FAR.ns, address: FAR.underlay }, relay);
    await addressTaps(lab, SIDES);
    return { ...testbed, address: FAR.overlay, dev: 'tap0', pids };
  }
  if (scheme === undefined || backend === undefined) {
    return { ...testbed, address: FAR.underlay, dev: 'ul0', pids: [] };
  }
  const options = [`offload=${offload}`, ...(wires === undefined ? [] : [`wires=${wires}`])].join(' ');
  const pids = await join(lab, scheme, [backend, backend], options, secret, run);
  return { ...testbed, address: FAR.overlay, dev: overlayDevice(backend), pids };
}

const overlayDevice = (backend: Backend): string => (backend === 'tap' ? 'tap0' : 'vm0');

async function addressTaps(lab: Lab, ends: readonly { ns: string; overlay: string }[]): Promise<void> {
  for (const { ns, overlay } of ends) await lab.ip(ns, `address add ${overlay}/24 dev tap0`);
}

/** One Handler from a device of the first kind in `near` to one of the second in `far`. @returns the servers' pids */
async function join(
  lab: Lab,
  scheme: 'tcp' | 'tls',
  backends: readonly [Backend, Backend],
  options: string,
  secret: string,
  run?: ServerRun,
): Promise<number[]> {
  const [near, far] = await newServers(lab, scheme, run);
  const ends = SIDES.map((side, at) => ({ ...side, backend: backends[at]! }));
  const captured = ends.filter(({ backend }) => backend !== 'tap');
  for (const { ns, overlay } of captured) {
    await lab.addCable({ ns, dev: 'cap0' }, { ns, dev: 'vm0', addresses: [`${overlay}/24`] });
  }
  const [one, other] = backends.map((backend) => (backend === 'tap' ? 'tap:tap0' : `${backend}:cap0`));
  await near.handle(`${farRemote(far, scheme, secret)} ${one} ${other} BRIDGE BRIDGE * ${options}`);
  await addressTaps(
    lab,
    ends.filter(({ backend }) => backend === 'tap'),
  );
  return [near, far].map((server) => server.program?.pid ?? 0);
}

/** The two namespaces that a Handler joins, and the address of each in the overlay. */
export interface Joined {
  readonly lab: Lab;
  readonly near: { readonly ns: string; readonly overlay: string };
  readonly far: { readonly ns: string; readonly overlay: string };
}

/** Sets up a Handler between devices of these kinds, by TCP. `lab.close()` takes all of it away. */
export async function standJoined(backends: readonly [Backend, Backend], secret: string): Promise<Joined> {
  const lab = await newLab();
  try {
    await join(lab, 'tcp', backends, 'offload=on', secret);
    await lab.run(NEAR.ns, reach(FAR.overlay), { timeout: 20_000 });
    return { lab, near: NEAR, far: FAR };
  } catch (error) {
    lab.close();
    throw error;
  }
}
