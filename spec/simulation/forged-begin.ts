/** A client that says BEGIN as if it were a server: in the place of one that did, or out of nowhere. */

import { encodeBye, encodePing, PING, PONG } from '../../machines/frames/records.ts';
import type { ResponderContext } from '../../machines/handler/responder.ts';
import { formatBegin } from '../../machines/protocol/format.ts';
import type { ForgedPeer } from './action.ts';
import type { Carry } from './faults.ts';
import type { SimulatedServer } from './simulated-server.ts';
import type { Known, Simulation } from './simulation.ts';

const PING_MS = 4_000;

export const takeOver: Carry<'take-over'> = (simulation, { pick, way, ms }) => {
  const all = [...simulation.known.values()];
  const found: Known | undefined = all[pick % Math.max(1, all.length)];
  const { context } = (found && responderOf(found)) ?? {};
  if (found === undefined || context === undefined) return;
  const { id, farMtu, options, localDevice, remoteDevice, localConfig, remoteConfig, macs } = context;
  const ends = { localDevice, remoteDevice, localConfig, remoteConfig, macs };
  begin(simulation, found.responder, formatBegin({ handler: id, mtu: farMtu, options, ...ends }), way, ms);
};

export const foreign: Carry<'foreign'> = (simulation, { site, device, way, ms }) => {
  const at = simulation.site(site);
  const id = (0xf00d0000_00000000n + BigInt(simulation.figures.faults) * 0x10001n).toString(16);
  const local = ['vm0', 'tap:t0', 'lan0'][device % 3];
  const roles = local === 'lan0' ? 'PROXY HOST' : 'HOST PROXY';
  const line = `BEGIN ${id} ${local} vm0 ${roles} 52:54:00:00:00:0${1 + (device % 4)} offload=on mtu=1500`;
  begin(simulation, at, line, way, ms);
};

function responderOf({ id, responder }: Known): { context: ResponderContext } | undefined {
  for (const handler of responder.run?.server.handlers.byId(id) ?? []) {
    if (handler.context.side === 'responder') return { context: handler.context };
  }
  return undefined;
}

function begin(
  simulation: Simulation,
  site: SimulatedServer,
  line: string,
  way: ForgedPeer,
  ms: number,
): void {
  simulation.figures.faults++;
  simulation.connect(site, (client) => {
    const { link } = client;
    client.ask(`HELLO password ${site.secret}`, () => undefined, 'HELLO password … (impostor)');
    client.ask(line, ({ last }) => {
      if (!last.startsWith('OK handler=')) return;
      client.becomeBinary(() => undefined);
      if (way === 'alive') keepAlive(simulation, client);
      if (way === 'bye') link.write(encodeBye('closed'));
      if (way === 'shutting-down') link.write(encodeBye('shutting-down'));
      if (way === 'garbage') link.write(Buffer.from([0x7f, 0, 0, 1, 0]));
      simulation.fault(
        site.name,
        () => `an impostor (${way})`,
        ms,
        nothing,
        () => link.destroy(),
      );
    });
    if (way === 'early') link.write(Buffer.from('x'));
    if (way === 'destroy') simulation.clock.after(ms, () => link.destroy());
  });
}

function nothing(): void {}

/** PING now and then, and a PONG: it stays until it is sent away. */
function keepAlive(
  simulation: Simulation,
  client: { readonly alive: boolean; readonly link: { write(b: Buffer): boolean } },
): void {
  const payload = Buffer.from('impostor');
  const beat = () => {
    if (!client.alive) return;
    client.link.write(Buffer.concat([encodePing(PING, payload), encodePing(PONG, payload)]));
    simulation.clock.after(PING_MS, beat);
  };
  beat();
}
