/** Whether both ends of every Handler have come to the same in the end. */
import type { HandlerActor } from '../../actors/handler/handler.ts';
import type { SimulatedServer } from './simulated-server.ts';
import type { Simulation } from './simulation.ts';

/** What is not as it should be for good, a sentence each; also what may need some more time. */
export function agreement(simulation: Simulation): string[] {
  const apart: string[] = [];
  for (const site of simulation.sites) {
    if (!site.up) {
      apart.push(`${site.name} does not run`);
      continue;
    }
    for (const handler of site.run?.server.handlers.all() ?? []) {
      const text =
        handler.context.side === 'initiator'
          ? initiator(simulation, site, handler)
          : responder(simulation, site, handler);
      if (text !== undefined) apart.push(`${handler.actor} at ${site.name}: ${text}`);
    }
    for (const { id, state, context } of site.run?.server.sessions.all() ?? []) {
      const waits = context.pending ?? (state === 'handling' ? context.request : null);
      if (waits !== null) apart.push(`session ${id} at ${site.name} is busy with ${waits}`);
    }
  }
  return apart;
}

function initiator(simulation: Simulation, site: SimulatedServer, handler: HandlerActor): string | undefined {
  const { id } = handler.context;
  if (simulation.closed.has(id) && !forgets(simulation, id)) return 'it was CLOSEd';
  const far = simulation.known.get(id)?.responder;
  const other = far?.run?.server.handlers.responder(id);
  if (handler.state !== 'binary') {
    if (isAway(site, handler) || (far !== undefined && other !== undefined && isAway(far, other))) {
      return undefined;
    }
    if (other === undefined && far !== undefined && isRefusedForGood(far, handler)) return undefined;
    return `it is ${handler.state} (${handler.context.why}) and dials ${far?.name}`;
  }
  if (other?.state !== 'binary') return `it is binary, and its other end is ${other?.state ?? 'not there'}`;
  return site.run?.server.handlers.byActor(handler.actor) === handler ? undefined : 'it is not in its place';
}

function responder(simulation: Simulation, site: SimulatedServer, handler: HandlerActor): string | undefined {
  const { id } = handler.context;
  if (simulation.closed.has(id) && !forgets(simulation, id)) return 'it was CLOSEd';
  if (isAway(site, handler)) return undefined;
  if (handler.state !== 'binary') return `it is ${handler.state} and waits`;
  const known = simulation.known.get(id);
  if (known === undefined) return 'no server began it';
  const near = known.initiator.run?.server.handlers
    .byId(id)
    .find(({ context }) => context.side === 'initiator');
  if (known.responder !== site) return 'it is not where it belongs';
  return near?.state === 'binary'
    ? undefined
    : `it is binary, and its initiator is ${near?.state ?? 'not there'}`;
}

/** A TAP that VNET made was deleted, and nobody makes it again: its Handlers wait for that as long as they may. */
function isAway({ interfaces }: SimulatedServer, { context }: HandlerActor): boolean {
  return context.away === true && interfaces.look(context.localDevice.ifname) === undefined;
}

/** A disk that refused, and a crash on top of it, make a server forget what it has promised. */
function forgets({ known }: Simulation, id: string): boolean {
  const found = known.get(id);
  return found === undefined || found.initiator.forgetful || found.responder.forgetful;
}

/** Another Handler has its place, its MAC addresses or its device: it dials on until it is CLOSEd (section 4). */
function isRefusedForGood(far: SimulatedServer, { context }: HandlerActor): boolean {
  if (!/^remote-refused \(409 (mac-in-use|device-busy)\)$/.test(context.why ?? '')) return false;
  const wanted = context.remoteDevice.ifname;
  return (far.run?.server.handlers.all() ?? []).some(
    (other) => other.context.localDevice.ifname === wanted && other.context.id !== context.id,
  );
}
