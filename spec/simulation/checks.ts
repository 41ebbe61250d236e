/** What must be true of every history, frames and agreement aside. */
import type { PathCounters, SegmentCounters } from '../../actors/packet-path/counters.ts';
import { canonical } from '../../machines/log/canonical.ts';
import type { Snapshot } from '../../machines/log/registry.ts';
import type { SimulatedServer } from './simulated-server.ts';
import { type Simulation, TAPS } from './simulation.ts';

/** Errors that the faults bring with them. */
const EXPECTED_ERRORS = new Set([
  'the log cannot be written; HANDLE, BEGIN and CLOSE are refused',
  'records of the log are lost',
  'the log could not be synced at its end; once more',
  'the log is not on the disk: its end may be lost',
]);

/** Each log can be replayed, and comes to what the process has (replay equals life). */
export function checkLogs(simulation: Simulation): void {
  for (const site of simulation.sites) checkLog(simulation, site);
}

function checkLog(simulation: Simulation, site: SimulatedServer): void {
  const { wrong, live } = site.fold();
  if (wrong !== undefined) return simulation.fail(`the log of ${site.name}: ${wrong}`);
  const errors = site.diagnostics.entries.filter(
    ({ level, message }) => level === 'error' && !EXPECTED_ERRORS.has(message),
  );
  for (const { message, fields } of errors) {
    const cause = fields.err instanceof Error ? fields.err.stack : JSON.stringify(fields);
    simulation.fail(`${site.name} has told of an error: ${message}: ${cause}`);
  }
  const logged = new Map([...live].map(([actor, { snapshot }]) => [actor, snapshot]));
  const { run } = site;
  if (run === undefined) {
    const open = [...logged.keys()].filter((actor) => actor.startsWith('session:'));
    if (open.length > 0) simulation.fail(`${site.name} has ended with open sessions: ${open.join(' ')}`);
    return;
  }
  if (run.recorder.status !== 'ok')
    return simulation.fail(`the log of ${site.name} is ${run.recorder.status}`);
  for (const actor of new Set([...logged.keys(), ...run.life.keys()])) {
    // What a stranger's session has recorded so far may be held back (PROTOCOL.md section 7).
    const [told, lived] = [logged.get(actor), run.life.get(actor)];
    if (text(told) === text(lived)) continue;
    simulation.fail(`replay of ${site.name} gives ${actor} as ${text(told)}, and it lives as ${text(lived)}`);
  }
  const standing = run.server.handlers.all().map(({ actor }) => actor);
  const recorded = [...logged.keys()].filter((actor) => actor.startsWith('handler:'));
  if (standing.sort().join() !== recorded.sort().join()) {
    simulation.fail(`${site.name} has Handlers ${standing.join(' ')}; on record are ${recorded.join(' ')}`);
  }
}

function text(snapshot: Snapshot | undefined): string {
  if (snapshot === undefined) return 'nothing';
  return canonical({ value: snapshot.value, status: snapshot.status, context: snapshot.context });
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

export function checkCounters(simulation: Simulation): void {
  for (const { name, run } of simulation.sites) {
    for (const handler of run?.server.handlers.all() ?? []) {
      const wrong = handler.counters === undefined ? undefined : wrongPath(handler.counters);
      if (wrong !== undefined) simulation.fail(`the counters of ${handler.actor} at ${name}: ${wrong}`);
    }
    for (const [device, segment] of run?.server.devices.segments() ?? []) {
      const wrong = wrongSegment(segment.counters());
      if (wrong !== undefined) simulation.fail(`the counters of ${device} at ${name}: ${wrong}`);
    }
  }
}

function wrongPath({
  txSeen,
  txFrames,
  txDropped,
  rxSeen,
  rxFrames,
  rxDropped,
}: PathCounters): string | undefined {
  if (txSeen !== txFrames + sum(txDropped))
    return `tx ${txSeen} ≠ ${txFrames} + ${JSON.stringify(txDropped)}`;
  if (rxSeen !== rxFrames + sum(rxDropped))
    return `rx ${rxSeen} ≠ ${rxFrames} + ${JSON.stringify(rxDropped)}`;
  return undefined;
}

function wrongSegment(c: SegmentCounters): string | undefined {
  if (c.read !== c.carried + c.lost + c.unwanted || c.unwanted < 0) return `read ${JSON.stringify(c)}`;
  if (c.toDevice !== c.written + c.queueFull + c.refused + c.badOffload) return `write ${JSON.stringify(c)}`;
  return undefined;
}

/** All Handlers are closed: no device is open, no TAP stands, no secret is kept. */
export function checkNothingLeft(simulation: Simulation): void {
  for (const { name, run, interfaces, secrets } of simulation.sites) {
    const handlers = run?.server.handlers.all().map(({ actor, state }) => `${actor} (${state})`) ?? [];
    if (handlers.length > 0) simulation.fail(`left at ${name}: ${handlers.join(' ')}`);
    const taps = [...TAPS, 't3'].filter((tap) => interfaces.look(tap) !== undefined);
    if (taps.length > 0) simulation.fail(`left at ${name}: TAP ${taps.join(' ')}`);
    const open = interfaces.standing().filter((each) => interfaces.opened(each.name).length > 0);
    if (open.length > 0) simulation.fail(`still open at ${name}: ${open.map((each) => each.name).join(' ')}`);
    if (secrets.refs().length > 0) simulation.fail(`${name} still keeps ${secrets.refs().length} secrets`);
  }
}

export function checkSecrets(simulation: Simulation): void {
  for (const site of simulation.sites) {
    const texts = [...site.disk.lines, ...site.diagnostics.entries.map((entry) => JSON.stringify(entry))];
    for (const { secret } of simulation.sites) {
      const leak = texts.find((each) => each.includes(secret));
      if (leak !== undefined) simulation.fail(`a secret stands in what ${site.name} has written: ${leak}`);
    }
  }
}
