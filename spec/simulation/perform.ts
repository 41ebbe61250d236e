/** Carries out the steps of a plan. What does not fit the moment (no Handler to close, a server down) is nothing. */

import type { Action } from './action.ts';
import { type Carry, FAULTS } from './faults.ts';
import { foreign, takeOver } from './forged-begin.ts';
import type { Step } from './plan.ts';
import { BROADCAST } from './probes.ts';
import type { SimulatedServer } from './simulated-server.ts';
import { INTERFACES, type Known, type Simulation, TAPS } from './simulation.ts';

const LAN_DEVICES = ['lan0', 'lan0', 'br0', 'tap:t3?bridge=br0', 'pcap:lan0'];
const VM_DEVICES = ['vm0', 'vm0', 'vm1', 'tap:t0', 'tap:t0', 'tap:t1?mtu=1400', 'packet:vm1', 'nosuch0'];
/** A VM lives at one place; so does its MAC address. */
const MACS = [1, 2, 3, 4].map((number) => `52:54:00:00:00:0${number}`);
const STRANGER = '02:00:00:00:00:99';
const MULTICAST = '01:00:5e:00:00:fb';

export function perform(simulation: Simulation, { act }: Step): void {
  (CARRY[act.kind] as Carry<Action['kind']>)(simulation, act as never);
}

const CARRY: { readonly [K in Action['kind']]: Carry<K> } = {
  ...FAULTS,
  handle,
  'take-over': takeOver,
  foreign,

  close: (simulation, { pick, atPeer }) => {
    const found = chosen(simulation, pick);
    if (found === undefined) return;
    const { id, initiator, responder } = found;
    const at = atPeer ? responder : initiator;
    simulation.client(at, pick, (client) =>
      client.ask(`CLOSE ${id}`, ({ last }) => {
        if (last === 'OK') simulation.closed.add(id);
      }),
    );
  },

  ask: (simulation, { site, pick, line }) =>
    simulation.client(simulation.site(site), pick, (client) => client.ask(line)),

  stats: (simulation, { pick, atPeer }) => {
    const found = chosen(simulation, pick);
    if (found === undefined) return;
    const at = atPeer ? found.responder : found.initiator;
    simulation.client(at, pick, (client) => client.ask(`STATS? ${found.id}`));
  },

  leave: (simulation, { pick, how }) => {
    const there = simulation.clients.filter(({ alive }) => alive);
    const client = there[pick % Math.max(1, there.length)];
    if (client === undefined) return;
    if (how === 'DONE') client.ask('DONE');
    else client.leave(how);
  },

  stranger: (simulation, { site, text, how }) =>
    simulation.dial(simulation.site(site), (link) => {
      link.attach({
        data: () => undefined,
        drain: () => undefined,
        end: () => link.end(),
        closed: () => undefined,
      });
      link.write(Buffer.from(text), () => (how === 'end' ? link.end() : link.destroy()));
    }),

  frames: (simulation, { site, device, source, destination, count, length }) => {
    const where = [...INTERFACES, ...TAPS];
    const segment = `${simulation.site(site).name}/${where[device % where.length]}`;
    const to = destination === 'all' ? BROADCAST : destination === 'some' ? MULTICAST : macOf(destination);
    const sent = simulation.ether.send(segment, macOf(source), to, count, length);
    simulation.figures.frames += sent.length;
    simulation.note('', () => `frames ${sent[0]}+${sent.length} on ${segment}: ${macOf(source)} → ${to}`);
  },
};

function handle(simulation: Simulation, act: Extract<Action, { kind: 'handle' }>): void {
  const { sites } = simulation;
  const number = act.site % sites.length;
  const site = sites[number]!;
  const to = act.roles === 'BRIDGE BRIDGE' ? neighbour(sites, number) : simulation.site(act.to);
  const [local, remote] = devicesOf(act);
  const macs = act.roles === 'BRIDGE BRIDGE' ? '*' : act.macs.map((mac) => MACS[mac % MACS.length]).join(' ');
  const rest = `${local} ${remote} ${act.roles} ${macs} ${act.options}`.trim();
  const secret = act.wrongSecret ? 'wrong' : to.secret;
  simulation.client(site, act.local, (client) =>
    client.ask(
      `HANDLE ${to.url} password:${secret} ${rest}`,
      ({ last }) => {
        const id = /^OK handler=([0-9a-f]+)$/.exec(last)?.[1];
        if (id !== undefined) simulation.acknowledged.add(id);
      },
      `HANDLE ${to.url} password:… ${rest}`,
    ),
  );
}

/** BRIDGE Handlers make a chain of the sites and never a ring: loops are the user's, and this user makes none. */
function neighbour(sites: readonly SimulatedServer[], number: number): SimulatedServer {
  return sites[number === sites.length - 1 ? number - 1 : number + 1]!;
}

function devicesOf({ roles, local, remote }: Extract<Action, { kind: 'handle' }>): readonly [string, string] {
  if (roles === 'BRIDGE BRIDGE') return ['x0', 'x0'];
  const lan = (pick: number) => LAN_DEVICES[pick % LAN_DEVICES.length]!;
  const vm = (pick: number) => VM_DEVICES[pick % VM_DEVICES.length]!;
  return roles === 'HOST PROXY' ? [vm(local), lan(remote)] : [lan(local), vm(remote)];
}

function macOf(number: number): string {
  return number < 0 ? STRANGER : MACS[number % MACS.length]!;
}

/** A Handler of those that were ever begun, a young one more often. */
function chosen({ known }: Simulation, pick: number): Known | undefined {
  const all = [...known.values()];
  return pick % 2 === 0
    ? all.at(-1 - (pick % Math.max(1, Math.min(3, all.length))))
    : all[pick % Math.max(1, all.length)];
}
