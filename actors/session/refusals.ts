/**
 * What stands against a command, in the order of PROTOCOL.md section 2: arguments, policy, the objects it names,
 * the log. (The line and the verb were looked at before, the state is the machine's.)
 */
import { good, type Refusal } from '../../machines/protocol/errors.ts';
import type { Command, FramePlace, Handle, State, Verb } from '../../machines/protocol/types.ts';
import type { SessionContext } from '../../machines/session/machine.ts';
import { deviceRefusal } from '../device/refusals.ts';
import type { SessionWorld } from './world.ts';

/** The session that asks. */
export interface Asker {
  readonly state: State;
  readonly context: SessionContext;
}

export interface CommandRefusal {
  readonly refusal?: Refusal | undefined;
  /** The policy rule that refused. */
  readonly rule?: string;
}

export function refuseCommand(world: SessionWorld, session: Asker, command: Command): CommandRefusal {
  const { args } = command;
  if (!args.ok) return { refusal: args.refusal };
  // Before HELLO neither policy nor objects may be asked about: the machine answers 401.
  if (session.state !== 'authenticated') return {};
  const identity = session.context.identity ?? '';
  const seen = {
    owners: (id: string) => world.handlers.byId(id).map(({ context }) => context.identity),
    count: (owner: string) => world.handlers.all().filter(({ context }) => context.identity === owner).length,
  };
  let forbidden = world.configuration.forbids(identity, command, seen);
  try {
    const opened = asOpened(world, command);
    if (opened !== undefined) forbidden ??= world.configuration.forbids(identity, opened, seen);
  } catch (error) {
    return { refusal: deviceRefusal(error) };
  }
  if (forbidden !== undefined) {
    return {
      rule: forbidden.rule,
      refusal: { reason: 'forbidden', text: `${forbidden.text} (rule ${forbidden.rule})` },
    };
  }
  return { refusal: refuseObjects(world, session, command) ?? refuseLog(world, command) };
}

/** Whether the session may be told of Handlers that this identity opened, which need not be there any more. */
export function mayAskAbout(world: SessionWorld, { context }: Asker, owner: string): boolean {
  const command: Command = { verb: 'DROPS?', args: good({ handler: '' }) };
  const seen = { owners: () => [owner], count: () => 0 };
  return world.configuration.forbids(context.identity ?? '', command, seen) === undefined;
}

/**
 * A right to TAPs is one to TAPs in no bridge, or in that bridge: where frames of a device are asked for by that form,
 * the same is asked by the form that it is open in. @throws DeviceError
 */
function asOpened({ devices }: SessionWorld, command: Command): Command | undefined {
  const { verb, args } = command;
  if ((verb !== 'TRACE?' && verb !== 'CAPTURE') || !args.ok) return undefined;
  const { place } = args.value;
  if (place.kind === 'handler' || place.device.kind !== 'tap') return undefined;
  const opened = devices.openAs(place.device);
  if (opened === undefined) return undefined;
  const device = { ...opened, ifname: place.device.ifname };
  return { verb, args: good({ ...args.value, place: { kind: 'device', device } }) } as Command;
}

function refuseObjects(world: SessionWorld, session: Asker, { verb, args }: Command): Refusal | undefined {
  if (!args.ok) return undefined;
  switch (verb) {
    case 'HANDLE':
      return refusePeer(world, args.value as Handle) ?? world.handlers.refuseHandle(args.value as Handle);
    case 'BEGIN':
      return world.handlers.refuseBegin(args.value, session.context.identity ?? '', session.context.address);
    case 'JOIN':
      return world.handlers.refuseJoin(args.value, session.context.identity ?? '');
    case 'TRACE?':
    case 'CAPTURE':
      return refusePlace(world, args.value.place, verb);
    case 'DROPS?':
      return args.value.handler === undefined ? undefined : refuseHandler(world, args.value.handler);
    case 'CLOSE':
    case 'PING?':
    case 'STATS?':
      return refuseHandler(world, args.value.handler);
    default:
      return undefined;
  }
}

function refusePlace(world: SessionWorld, place: FramePlace, verb: Verb): Refusal | undefined {
  if (place.kind === 'handler') return refuseHandler(world, place.handler);
  const { device } = place;
  try {
    if (!world.devices.exists(device)) {
      const text = `there is no interface ${device.ifname} here; DEVICES? lists those there are`;
      return { reason: 'no-such-device', text };
    }
    if (verb !== 'CAPTURE' || world.devices.segment(device) !== undefined) return undefined;
    const text = `no Handler is on ${device.ifname}, so this server does not read it; tcpdump -i ${device.ifname} does`;
    return { reason: 'no-such-device', text };
  } catch (error) {
    return deviceRefusal(error);
  }
}

function refuseHandler(world: SessionWorld, id: string): Refusal | undefined {
  if (world.handlers.byId(id).length > 0) return undefined;
  return {
    reason: 'no-such-handler',
    text: `there is no Handler ${id} here; HANDLERS? lists those there are`,
  };
}

function refusePeer(world: SessionWorld, { remote, auth }: Handle): Refusal | undefined {
  if (remote.kind === 'peer') {
    if (world.configuration.peer(remote.name) !== undefined) return undefined;
    return {
      reason: 'no-such-peer',
      text: `there is no peer ${remote.name} in the --peers file of this server`,
    };
  }
  if (auth.kind !== 'peer-entry') return undefined;
  return {
    reason: 'bad-remote',
    text: 'the auth argument - goes with a remote of the form peer:<name> only',
  };
}

function refuseLog(world: SessionWorld, { verb }: Command): Refusal | undefined {
  if (!changesNetwork(verb) || world.journal.available) return undefined;
  return {
    reason: 'log-unavailable',
    text: `the event log cannot be written (${world.journal.status}); ${verb} is possible again when it can`,
  };
}

/** Commands that are refused while the log cannot be written (section 7). */
export function changesNetwork(verb: Verb): boolean {
  return verb === 'HANDLE' || verb === 'BEGIN' || verb === 'JOIN' || verb === 'CLOSE';
}
