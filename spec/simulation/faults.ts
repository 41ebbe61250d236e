/** What goes wrong, on the way and at the machines. */
import type { LineConditions } from '../../io/memory/line.ts';
import type { Connection } from '../../io/memory/network.ts';
import type { WireEnd } from '../../io/memory/wire.ts';
import { DeviceError } from '../../io/ports.ts';
import type { Action } from './action.ts';
import type { SimulatedServer } from './simulated-server.ts';
import { INTERFACES, type Simulation, TAPS } from './simulation.ts';

export type Carry<K extends Action['kind']> = (
  simulation: Simulation,
  action: Extract<Action, { readonly kind: K }>,
) => void;

type Fault =
  | 'latency'
  | 'line'
  | 'cut'
  | 'half-cut'
  | 'reset'
  | 'refuse'
  | 'disk'
  | 'crash'
  | 'crash-in-write'
  | 'stop'
  | 'device'
  | 'slow'
  | 'unopenable'
  | 'untold'
  | 'clock';

/** The wall clock stays so near to the truth that 24 h cannot have passed. */
const MOST_HOURS = 11;

export const FAULTS: { readonly [K in Fault]: Carry<K> } = {
  latency: (simulation, { site, to, delay, ms }) => {
    const [one, other] = [simulation.site(site).host, simulation.site(to).host];
    const wires = simulation.internet.between(one, other).map(({ wire }) => wire);
    const set = (latency: number) => () => {
      for (const wire of wires) wire.latency = latency;
    };
    const { delay: latency = 0 } = simulation.line;
    simulation.fault(
      '',
      () => `a way of ${delay} ms: ${names(simulation, site, to)}`,
      ms,
      set(delay),
      set(latency),
    );
  },

  line: (simulation, { site, to, line, side, ms }) => {
    const [one, other] = [simulation.site(site).host, simulation.site(to).host];
    const wires = simulation.internet.between(one, other).map(({ wire }) => wire);
    const set = (conditions: LineConditions) => () => {
      for (const wire of wires) wire.set(conditions, side === 'both' ? undefined : side);
    };
    const usual = simulation.line;
    const before = Object.fromEntries(
      Object.keys(line).map((name) => [name, usual[name as keyof LineConditions] ?? 0]),
    );
    simulation.fault(
      '',
      () => `a line of ${JSON.stringify(line)} (${side}): ${names(simulation, site, to)}`,
      ms,
      set(line),
      set(before),
    );
  },

  cut: (simulation, { site, to, ms }) => {
    const { internet } = simulation;
    const [one, other] = [simulation.site(site).host, simulation.site(to).host];
    simulation.fault(
      '',
      () => `cut: ${names(simulation, site, to)}`,
      ms,
      () => internet.cut(one, other),
      () => internet.heal(one, other),
    );
  },

  'half-cut': (simulation, { site, to, side, ms }) => {
    const [one, other] = [simulation.site(site).host, simulation.site(to).host];
    const wires = simulation.internet.between(one, other).map(({ wire }) => wire);
    simulation.fault(
      '',
      () => `nothing arrives at side ${side}: ${names(simulation, site, to)}`,
      ms,
      () => {
        for (const wire of wires) wire.cut(side);
      },
      () => {
        for (const wire of wires) wire.heal(side);
      },
    );
  },

  reset: (simulation, { pick, bytes }) => {
    const all = simulation.internet.connections.slice(-8);
    const found = all[pick % Math.max(1, all.length)];
    if (found === undefined) return;
    simulation.fault(
      '',
      () => `reset of ${found.url} ${found.accepted.peer} after ${bytes} more bytes`,
      RESET_WITHIN_MS,
      () => (bytes === 0 ? found.wire.reset() : resetAfter(found, bytes)),
      () => found.wire.join('a', found.dialled),
    );
  },

  refuse: (simulation, { site, how, ms }) => {
    const { host, name } = simulation.site(site);
    simulation.fault(
      name,
      () => (how === 'silent' ? 'answers no dial' : 'refuses dials'),
      ms,
      () => {
        host[how] = true;
      },
      () => {
        host[how] = false;
      },
    );
  },

  disk: (simulation, { site, how, ms }) => {
    const { disk, name } = simulation.site(site);
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const bad = Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
    simulation.fault(
      name,
      () => `the disk: ${how}`,
      ms,
      () => {
        if (how === 'full') disk.appendFault = full;
        else if (how === 'sync-fails') disk.syncFault = bad;
        else disk.syncDelay = 1500;
      },
      () => {
        if (how === 'full') disk.appendFault = undefined;
        else if (how === 'sync-fails') disk.syncFault = undefined;
        else disk.syncDelay = 0;
      },
    );
  },

  crash: (simulation, { site, how, ms }) => down(simulation, simulation.site(site), how, ms),

  'crash-in-write': (simulation, { site, after, keep, ms }) => {
    const at = simulation.site(site);
    if (!at.up) return;
    simulation.note(at.name, () => `~~ will be killed within a write, after ${after} more`);
    at.disk.trap = { left: after, keep, crash: () => down(simulation, at, 'process', ms) };
  },

  stop: (simulation, { site, ms }) => {
    const at = simulation.site(site);
    if (!at.up) return;
    simulation.figures.faults++;
    at.stop(() =>
      simulation.fault(
        at.name,
        () => 'stopped',
        ms,
        nothing,
        () => at.start(),
      ),
    );
  },

  device: (simulation, { site, device, how, ms }) => {
    const at = simulation.site(site);
    const all = [...INTERFACES, ...TAPS];
    const name = all[device % all.length]!;
    if (at.interfaces.look(name) === undefined) return;
    if (how === 'delete') return deleteDevice(simulation, at, name, ms);
    simulation.fault(
      at.name,
      () => `${name} is ${how}`,
      ms,
      () => setDevice(at, name, how, true),
      () => setDevice(at, name, how, false),
    );
  },

  slow: (simulation, { site, what, delay, ms }) => {
    const at = simulation.site(site);
    const slow = what === 'devices' ? at.interfaces : at.authenticator;
    simulation.fault(
      at.name,
      () => `${what} takes ${delay} ms`,
      ms,
      () => {
        slow.delay = delay;
      },
      () => {
        slow.delay = 0;
      },
    );
  },

  unopenable: (simulation, { site, ms }) =>
    noDescriptors(simulation, simulation.site(site), ms, 'fault', 'no device can be opened'),

  untold: (simulation, { site, ms }) =>
    noDescriptors(simulation, simulation.site(site), ms, 'untold', 'the kernel tells of no interface'),

  clock: (simulation, { hours }) => {
    const { clock } = simulation;
    const off = (clock.now() - VIRTUAL_EPOCH - clock.mono() / 1e6) / HOUR_MS + hours;
    if (Math.abs(off) > MOST_HOURS) return;
    simulation.figures.faults++;
    simulation.note('', () => `~~ the wall clock is stepped by ${hours} h`);
    clock.stepWall(hours * HOUR_MS);
  },
};

const RESET_WITHIN_MS = 120_000;
const HOUR_MS = 3_600_000;
const VIRTUAL_EPOCH = Date.UTC(2026, 0, 1);

function nothing(): void {}

function names(simulation: Simulation, site: number, to: number): string {
  return `${simulation.site(site).name} ═ ${simulation.site(to).name}`;
}

function down(simulation: Simulation, at: SimulatedServer, how: 'process' | 'power', ms: number): void {
  if (at.run === undefined) return;
  simulation.fault(
    at.name,
    () => 'down',
    ms,
    () => at.crash(how),
    () => at.start(),
  );
}

function noDescriptors(
  simulation: Simulation,
  { interfaces, name }: SimulatedServer,
  ms: number,
  trouble: 'fault' | 'untold',
  what: string,
): void {
  simulation.fault(
    name,
    () => what,
    ms,
    () => {
      interfaces[trouble] = new DeviceError('internal', 'EMFILE: too many open files');
    },
    () => {
      interfaces[trouble] = undefined;
    },
  );
}

/** The interface goes; one that VNET did not make is made again, on the same segment. */
function deleteDevice(simulation: Simulation, at: SimulatedServer, name: string, ms: number): void {
  const { interfaces } = at;
  const { kind, mtu } = interfaces.look(name)!;
  const hub = interfaces.hub(name);
  simulation.fault(
    at.name,
    () => `${name} is deleted`,
    ms,
    () => interfaces.delete(name),
    () => {
      if (kind !== 'tap') interfaces.add({ name, kind, mtu }, hub);
    },
  );
}

function setDevice(at: SimulatedServer, name: string, how: 'down' | 'full', bad: boolean): void {
  const { interfaces } = at;
  if (interfaces.look(name) === undefined) return;
  if (how === 'down') interfaces.setUp(name, !bad);
  else for (const device of interfaces.opened(name)) device.full = bad;
}

/** The connection breaks in the middle of what the dialling end is sent. */
function resetAfter({ wire, dialled }: Connection, bytes: number): void {
  let left = bytes;
  const end: WireEnd = {
    bytesCame: (came) => {
      const part = came.subarray(0, left);
      left -= part.length;
      if (part.length > 0) dialled.bytesCame(Buffer.from(part));
      if (left === 0) wire.reset();
    },
    endCame: () => dialled.endCame(),
    resetCame: () => dialled.resetCame(),
    windowCame: (count) => dialled.windowCame(count),
  };
  wire.join('a', end);
}
