/**
 * CHECK?: what an experienced operator would look at, each with what to do about it. The server adds what only the process
 * around it knows (rights, disk, descriptors): those come as further checks.
 */
import { dataLine } from '../../machines/protocol/format.ts';
import type { Drop } from '../packet-path/drop-ring.ts';
import { dropTime } from './frame-lines.ts';
import type { Check, HandlerView, SessionWorld } from './world.ts';

/** Share of a limit that is worth a warning. */
const NEARLY = 0.8;
/** A drop that is older is history. */
const RECENT_MS = 600_000;

/** What each reason of a drop says about the set-up, in few words; those that are nobody's fault are not here. */
const MEANINGS: Readonly<Record<string, string>> = {
  spoofed: 'the other end sends what is not of its VMs: are the MAC addresses right there?',
  loop: 'frames come back to where they were: there is a second way between the two networks',
  'own-wire': 'the device also carries the wire: give the Handler another one',
  'no-carrier': 'they came while the Handler had no wire',
  'too-big': 'set the MTU of both devices alike, or a smaller one in the VM',
  'bad-offload': 'a virtio header that cannot be true: which offloads has the device?',
  rate: 'they are over rate= or bcast-rate= of the Handler',
  'queue-full': 'the wire, or the device, is slower than what comes',
  'device-refused': 'the device is down or gone',
};

export interface CheckLines {
  readonly lines: readonly string[];
  readonly warn: number;
  readonly fail: number;
}

/** @param mayAsk whether the session may be told of Handlers that this identity opened */
export function checkLines(world: SessionWorld, mayAsk: (owner: string) => boolean): CheckLines {
  // Asked for once: there may be a thousand Handlers.
  const kept = world.frames.drops().drops;
  const checks = [
    ...world.checks(),
    ...log(world),
    clock(world),
    ...limits(world),
    ...devices(world),
    ...world.handlers
      .all()
      .filter(({ state, context }) => state !== 'closed' && mayAsk(context.identity))
      .flatMap((handler) => handlerChecks(handler, kept, world.clock.now())),
  ];
  const count = (wanted: Check['verdict']) => checks.filter(({ verdict }) => verdict === wanted).length;
  const lines = checks.map(({ subject, verdict, text }) => dataLine(['CHECK', subject, verdict, text]));
  return { lines, warn: count('warn'), fail: count('fail') };
}

function log({ journal }: SessionWorld): Check[] {
  const { available, status, position } = journal;
  const text = available
    ? `${position} records, all written`
    : `it cannot be written (${status}): HANDLE, BEGIN and CLOSE are refused until it can`;
  return [{ subject: 'log', verdict: available ? 'ok' : 'fail', text }];
}

function clock({ clock: now }: SessionWorld): Check {
  return { subject: 'clock', verdict: 'ok', text: now.wall() };
}

function limits(world: SessionWorld): Check[] {
  const status = new Map(world.status());
  const value = (key: string) => Number(status.get(key) ?? 0);
  const most = world.limits;
  const bounded = (
    [
      ['sessions', value('sessions'), most.sessions],
      ['handlers', value('handlers'), most.handlers],
    ] as const
  ).map(([what, now, limit]): Check => {
    const near = now >= limit * NEARLY;
    const text = `${now} ${what} of at most ${limit}${near ? `: raise limits.${what} in the configuration, or spread them over several servers` : ''}`;
    return { subject: 'limits', verdict: near ? 'warn' : 'ok', text };
  });
  const away = value('sessions_turned_away');
  if (away === 0) return bounded;
  const text = `${away} connections were turned away (429): somebody floods, or limits of sessions are too low`;
  return [...bounded, { subject: 'sessions', verdict: 'warn', text }];
}

function devices(world: SessionWorld): Check[] {
  const checks: Check[] = [];
  const known = world.interfaces.interfaces();
  for (const [name, { device }] of world.devices.segments()) {
    const subject = `device:${name}`;
    const info = known.find(({ ifindex }) => ifindex === device.ifindex);
    if (info === undefined) {
      checks.push({ subject, verdict: 'fail', text: 'the interface is not there any more' });
      continue;
    }
    const lost = device.kernelDrops();
    if (!info.up) {
      const text = `${info.name} is down: ip link set dev ${info.name} up`;
      checks.push({ subject, verdict: 'fail', text });
    } else if (info.doubt !== undefined && device.backend !== 'tap') {
      checks.push({ subject, verdict: 'warn', text: info.doubt });
    } else if (lost > 0) {
      const text = `the kernel's queue lost ${lost} frames before this server could read them: the wire is slower than what comes, or the machine is busy`;
      checks.push({ subject, verdict: 'warn', text });
    } else {
      checks.push({
        subject,
        verdict: 'ok',
        text: `${info.name} is up, MTU ${info.mtu}, by ${device.backend}`,
      });
    }
  }
  return checks;
}

function handlerChecks(handler: HandlerView, kept: readonly Drop[], now: number): Check[] {
  const { context, state } = handler;
  const subject = `handler:${context.id}`;
  const add = (verdict: Check['verdict'], text: string): Check => ({ subject, verdict, text });
  if (state !== 'binary') {
    const why =
      context.side === 'initiator'
        ? 'no wire: it dials, or waits to dial again; is the other server there? (`vnet watch` shows each try)'
        : 'no wire: it waits for the other server to dial again';
    return [add('warn', `${state}, ${why}`), ...drops(handler, kept, now, add)];
  }
  return [...mtus(handler, add), ...wires(handler, add), ...drops(handler, kept, now, add)];
}

type Add = (verdict: Check['verdict'], text: string) => Check;

function mtus({ onDevice }: HandlerView, add: Add): Check[] {
  const [here, there] = [onDevice?.mtu, onDevice?.terms?.farMtu];
  if (here === undefined || there === undefined) return [];
  if (here === there) return [add('ok', `binary, MTU ${here} at both ends`)];
  const less = Math.min(here, there);
  return [
    add(
      'warn',
      `the device here has MTU ${here}, the one there ${there}: longer frames than ${less} are dropped (too-big); set both alike`,
    ),
  ];
}

function wires({ wireFacts }: HandlerView, add: Add): Check[] {
  return wireFacts.map(([number, { rttMicros, retransmitted, congestion, unsent }]) =>
    add(
      'ok',
      `wire ${number}: round trip ${(rttMicros / 1000).toFixed(1)} ms, ${retransmitted} segments sent again, ${unsent} bytes unsent, ${congestion || 'unknown'} congestion control`,
    ),
  );
}

/** Those of a while ago are told, and no warning any more. The newest ones are known by their time, if not too many came. */
function drops({ counters, context }: HandlerView, kept: readonly Drop[], now: number, add: Add): Check[] {
  if (counters === undefined) return [];
  const newestOf = (direction: 'tx' | 'rx', reason: string) =>
    kept.findLast(
      (drop) => drop.reason === reason && drop.direction === direction && drop.handler === context.id,
    );
  const told = (direction: 'tx' | 'rx', dropped: Readonly<Record<string, number>>) =>
    Object.entries(dropped)
      .filter(([reason, count]) => count > 0 && Object.hasOwn(MEANINGS, reason))
      .map(([reason, count]) => {
        const newest = newestOf(direction, reason);
        const over = newest !== undefined && now - newest.at > RECENT_MS;
        const frames = count === 1 ? '1 frame' : `${count} frames`;
        const since = over ? `, the last one at ${dropTime(newest)}` : '';
        return add(
          over ? 'ok' : 'warn',
          `${frames} dropped, ${direction} ${reason}${since}: ${MEANINGS[reason]}`,
        );
      });
  return [...told('tx', counters.txDropped), ...told('rx', counters.rxDropped)];
}
