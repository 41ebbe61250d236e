/**
 * How every history ends: all faults stop, time passes, and then what must be true is looked at; then everything is
 * closed, and nothing may be left.
 */
import { DEFAULT_LIMITS } from '../../actors/limits.ts';
import { SILENCE_MS } from '../../actors/packet-path/liveness.ts';
import type { Session } from '../../actors/session/session.ts';
import { agreement } from './agreement.ts';
import { checkCounters, checkLogs, checkNothingLeft, checkSecrets } from './checks.ts';
import { allCame, checkFrames, finalFrames } from './frames-check.ts';
import type { Simulation } from './simulation.ts';

/** Longer than every time-out behind one another: silence 15 s, grace 60 s, a redial of 10 s and its try of 10 s. */
const PATIENCE_MS = 180_000;
const STEP_MS = 2_500;
/** A TAP is kept for the Handlers of a run before as long as a responder waits. */
const HOLD_MS = 65_000;
/** What was sent while a way took 9 s is still under way, and everything else behind it. */
const SLOWEST_MS = 10_000;
/** Silence of a wire (15 s) and some time for what follows from it. */
const SETTLED_MS = SILENCE_MS + 5_000;
/** A session in which nothing is said is ended after that, and some time for its end. */
const IDLE_MS = DEFAULT_LIMITS.session.idle + 10_000;
/** Not a client that was there before: its server may have been switched off, and it does not know yet. */
const FRESH = 0;

export async function finish(simulation: Simulation): Promise<void> {
  const stages = [calm, agree, settle, carry, closeAll, stopAll];
  for (const stage of stages) {
    await stage(simulation);
    if (simulation.failure !== undefined) return;
  }
}

async function calm(simulation: Simulation): Promise<void> {
  simulation.note('', () => '══ all faults end');
  const everyone = () => simulation.sites.every(({ up }) => up);
  for (let tries = 0; tries < 5; tries++) {
    simulation.healAll();
    for (const site of simulation.sites) {
      site.disk.trap = undefined;
      site.start();
    }
    await simulation.clock.elapse(tries === 0 ? 100 : 2_500);
    if (tries > 0 && everyone()) return;
  }
  if (!everyone()) simulation.fail('a server does not come up again');
}

async function agree(simulation: Simulation): Promise<void> {
  const { clock } = simulation;
  let apart = agreement(simulation);
  for (let passed = 0; apart.length > 0 && passed < PATIENCE_MS; passed += STEP_MS) {
    await clock.elapse(STEP_MS);
    apart = agreement(simulation);
  }
  for (const text of apart) simulation.fail(text);
  // What is under way at this moment, a CLOSE or a checkpoint, is let happen.
  await clock.elapse(1_200);
  checkLogs(simulation);
  checkCounters(simulation);
}

/** A wire that a fault has left half dead looks well until its silence is heard; then it is made anew. */
async function settle(simulation: Simulation): Promise<void> {
  await simulation.clock.elapse(SETTLED_MS);
  await agree(simulation);
}

/** What is sent now must come, the first time. Both ends agree before it, and behind it: all is closed next. */
async function carry(simulation: Simulation): Promise<void> {
  const { clock } = simulation;
  for (const text of agreement(simulation)) simulation.fail(text);
  const expected = finalFrames(simulation);
  for (let passed = 0; passed < SLOWEST_MS && !allCame(simulation, expected); passed += 400)
    await clock.elapse(400);
  await clock.elapse(400);
  for (const text of agreement(simulation)) simulation.fail(text);
  checkFrames(simulation, expected);
  checkCounters(simulation);
}

async function closeAll(simulation: Simulation): Promise<void> {
  const { clock, sites } = simulation;
  const closed = new Set<string>();
  // Where one end waits for its device there is no wire by which the other one hears of CLOSE.
  const all = sites.flatMap(({ run }) => run?.server.handlers.all() ?? []);
  const apart = new Set(all.filter(({ state }) => state !== 'binary').map(({ context }) => context.id));
  simulation.note('', () => '══ everything is closed');
  for (const { id, initiator, responder } of simulation.known.values()) {
    const at = Number.parseInt(id.slice(0, 2), 16) % 2 === 0 ? initiator : responder;
    if (at.run?.server.handlers.byId(id).length !== 0) {
      simulation.client(at, FRESH, (client) =>
        client.ask(`CLOSE ${id}`, ({ last }) => {
          // It may have been between two wires, and known at the other end only.
          if (last.startsWith('ERR 404')) return;
          if (last !== 'OK') simulation.fail(`CLOSE ${id} at ${at.name} at the end: ${last}`);
          closed.add(id);
        }),
      );
    }
  }
  await clock.elapse(6_000);
  for (const site of sites) {
    for (const { actor, state } of site.run?.server.handlers.all() ?? []) {
      const id = actor.split(':')[1] ?? '';
      if (closed.has(id) && !apart.has(id))
        simulation.fail(`${actor} at ${site.name} is ${state} though it was CLOSEd`);
      simulation.client(site, FRESH, (client) => client.ask(`CLOSE ${id}`));
    }
  }
  await clock.elapse(HOLD_MS);
  checkNothingLeft(simulation);
}

/** @param overdue whether a session should have ended by now */
function checkSessions(simulation: Simulation, overdue: (session: Session) => boolean): void {
  for (const { name, run } of simulation.sites) {
    const { length } = run?.server.sessions.all().filter(overdue) ?? [];
    if (length > 0) simulation.fail(`${name} still has ${length} sessions`);
  }
}

async function stopAll(simulation: Simulation): Promise<void> {
  const { clock, sites, clients } = simulation;
  for (const client of clients) {
    if (client.alive && !client.forsaken && client.waiting > 0)
      simulation.fail(`a client of ${client.site} never got its answer`);
    if (client.alive) client.leave('end');
  }
  simulation.giveUpDials();
  await clock.elapse(10_000);
  // A server that was switched off between its HELLO and its BEGIN leaves a session at the other one that has no wire
  // to fall silent on: only the time-out of idle sessions ends it (PROTOCOL.md section 4).
  checkSessions(simulation, ({ link }) => !simulation.forsaken.has(link));
  if (sites.some(({ run }) => (run?.server.sessions.count ?? 0) > 0)) await clock.elapse(IDLE_MS);
  checkSessions(simulation, () => true);
  for (const site of sites) site.stop(() => undefined);
  await clock.elapse(6_000);
  for (const site of sites) if (site.run !== undefined) simulation.fail(`${site.name} does not end`);
  checkLogs(simulation);
  checkSecrets(simulation);
  simulation.figures.boots = sites.reduce((sum, { boots }) => sum + boots, 0);
  await clock.elapse(20_000);
  if (clock.pending > 0) simulation.fail(`${clock.pending} timers are left when everything has ended`);
}
