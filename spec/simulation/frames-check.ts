/** What must be true of every frame that was heard, and of those that are sent when all is well. */
import { agreement } from './agreement.ts';
import { expectedPaths, type Way } from './expected-paths.ts';
import { BROADCAST, type HeardFrame, type SentFrame } from './probes.ts';
import type { Simulation } from './simulation.ts';

/** How often each frame has to be heard on each segment: `<frame>@<segment>`. */
export type Expected = ReadonlyMap<string, number>;

const key = (frame: SentFrame, segment: string): string => `${frame.number}@${segment}`;

/**
 * Sends a frame from and to each MAC address of each Handler, and one to everybody. Nothing is wrong any more, so all
 * that may be heard must be.
 */
export function finalFrames(simulation: Simulation): Expected {
  const { ether } = simulation;
  const expected = new Map<string, number>();
  const standing = binaryWays(simulation);
  if (agreement(simulation).length > 0) return expected;
  const hosts = hostAddresses(simulation);
  const hostsOn = (segment: string) => hosts.get(segment) ?? [];
  const send = (segment: string, source: string, destination: string) => {
    for (const number of ether.send(segment, source, destination, 1)) {
      const frame = ether.sent[number]!;
      for (const [at, ways] of expectedPaths(frame, standing, hostsOn)) {
        const capped =
          destination === BROADCAST && ways.some((way) => way.some((id) => simulation.ways.get(id)?.capped));
        if (!capped) expected.set(key(frame, at), ways.length);
      }
    }
  };
  for (const { ends, macs } of standing) {
    const [one, other] = ends;
    for (const mac of macs[0] === '*' ? ['02:00:00:00:00:77'] : macs) {
      for (const [vm, lan] of one.config.role === 'PROXY' ? [[other, one]] : [[one, other]]) {
        send(vm!.segment, mac, STATION);
        send(vm!.segment, mac, BROADCAST);
        send(lan!.segment, STATION, mac);
        send(lan!.segment, STATION, BROADCAST);
      }
    }
  }
  return expected;
}

const STATION = '02:00:00:00:00:55';

/** MAC addresses of all HOST Handlers by segment, also of those without a wire. */
function hostAddresses(simulation: Simulation): Map<string, readonly string[]> {
  const hosts = new Map<string, readonly string[]>();
  for (const site of simulation.sites) {
    for (const { context } of site.run?.server.handlers.all() ?? []) {
      if (context.localConfig.role !== 'HOST') continue;
      const segment = simulation.segmentOf(site, context.localDevice);
      hosts.set(segment, [...(hosts.get(segment) ?? []), ...context.macs]);
    }
  }
  return hosts;
}

/** The Handlers that carry, at both ends. */
function binaryWays({ ways, known }: Simulation): Way[] {
  return [...ways.values()].filter(({ id }) => {
    const { initiator, responder } = known.get(id) ?? {};
    const near = initiator?.run?.server.handlers.byId(id).some(({ state }) => state === 'binary');
    return near === true && responder?.run?.server.handlers.responder(id)?.state === 'binary';
  });
}

/** Whether as many as are expected have been heard. */
export function allCame({ ether }: Simulation, expected: Expected): boolean {
  const left = new Map(expected);
  for (const { frame, segment } of ether.heard) {
    const at = key(frame, segment);
    const count = left.get(at);
    if (count === 1) left.delete(at);
    else if (count !== undefined) left.set(at, count - 1);
  }
  return left.size === 0;
}

export function checkFrames(simulation: Simulation, expected: Expected): void {
  const { heard } = simulation.ether;
  simulation.figures.heard = heard.length;
  const counts = new Map<string, HeardFrame[]>();
  for (const each of heard) {
    const at = key(each.frame, each.segment);
    counts.set(at, [...(counts.get(at) ?? []), each]);
  }
  const ways = [...simulation.ways.values()];
  const last = new Map<string, HeardFrame>();
  for (const each of heard) checkHeard(simulation, ways, counts, last, each);
  for (const [at, count] of expected) {
    const real = counts.get(at)?.length ?? 0;
    if (real !== count) {
      const frame = simulation.ether.sent[Number.parseInt(at, 10)]!;
      simulation.fail(`all is well, and ${describe(frame)} was heard ${real} times on ${at}, not ${count}`);
    }
  }
}

function checkHeard(
  simulation: Simulation,
  ways: readonly Way[],
  counts: ReadonlyMap<string, readonly HeardFrame[]>,
  last: Map<string, HeardFrame>,
  heard: HeardFrame,
): void {
  const { frame, segment, at } = heard;
  const standing = ways.filter(({ from, until }) => from <= at && until >= frame.at);
  const possible = expectedPaths(frame, standing).get(segment) ?? [];
  const times = counts.get(key(frame, segment)) ?? [];
  if (times.length > possible.length) {
    simulation.fail(
      `${describe(frame)} was heard ${times.length} times on ${segment}, to which ${possible.length} ways lead`,
    );
  }
  if (possible.length !== 1) return;
  // Frames of one flow stay in order; those of two flows may go over different wires of a Handler.
  const flow = `${frame.source} ${frame.destination}`;
  const path = `${flow} ${frame.origin} ${possible[0]!.join(' ')} ${segment}`;
  const before = last.get(path);
  if (before !== undefined && before.frame.number > frame.number) {
    simulation.fail(`${describe(frame)} was heard on ${segment} behind frame ${before.frame.number}`);
  }
  last.set(path, heard);
}

function describe({ number, origin, source, destination }: SentFrame): string {
  return `frame ${number} from ${origin} (${source} → ${destination})`;
}
