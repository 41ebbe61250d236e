/**
 * What Handlers cost that have nothing to do: CPU and memory of a server with many of them, each on a TAP of its own
 * and with a wire of its own. PING and PONG go on every one of them (PROTOCOL.md section 6).
 */
import { SECRET, type VnetServer } from '../lab/server.ts';
import { pause } from '../lab/wait.ts';
import { cpuBetween, cpuTime, memory } from './processes.ts';
import { farRemote, newLab, newServers } from './variants.ts';

export interface IdleCost {
  readonly handlers: number;
  /** Of each server: share of one core, and bytes that each Handler added to its resident memory. */
  readonly initiator: { readonly cpu: number; readonly bytesEach: number };
  readonly responder: { readonly cpu: number; readonly bytesEach: number };
}

/** Time for what goes on after set-up (neighbour discovery, compiling, garbage collection) to come to rest. */
const SETTLE_SECONDS = 8;
const AT_ONCE = 10;

/** Measures with so many Handlers for so many seconds. @throws Error when one of them does not come up */
export async function idleCost(
  count: number,
  seconds: number,
  tell: (what: string) => void,
): Promise<IdleCost> {
  const lab = await newLab();
  try {
    tell('starting two servers');
    const servers = await newServers(lab, 'tcp');
    await pause(1000);
    const before = servers.map(residentOf);
    tell(`making ${count} Handlers`);
    await makeHandlers(servers, count);
    tell('waiting until they have come to rest');
    await pause(SETTLE_SECONDS * 1000);
    tell(`measuring for ${seconds} s`);
    const shares = await Promise.all(servers.map((server) => cpuShare(server, seconds)));
    const each = servers.map((server, at) => (residentOf(server) - (before[at] ?? 0)) / count);
    return {
      handlers: count,
      initiator: { cpu: shares[0] ?? 0, bytesEach: each[0] ?? 0 },
      responder: { cpu: shares[1] ?? 0, bytesEach: each[1] ?? 0 },
    };
  } finally {
    lab.close();
  }
}

const pidsOf = (server: VnetServer): number[] => [server.program?.pid ?? 0];
const residentOf = (server: VnetServer): number => memory(pidsOf(server), 'VmRSS');

async function makeHandlers([near, far]: [VnetServer, VnetServer], count: number): Promise<void> {
  const remote = farRemote(far, 'tcp', SECRET);
  const lines = Array.from(
    { length: count },
    (_, i) => `HANDLE ${remote} tap:h${i} tap:h${i} BRIDGE BRIDGE *`,
  );
  // Each of them is verified by scrypt at the other end, which takes its time on purpose: a few to a session.
  for (let first = 0; first < count; first += AT_ONCE) {
    for (const { last } of await near.ask(...lines.slice(first, first + AT_ONCE))) {
      if (!last.startsWith('OK')) throw new Error(`HANDLE: ${last}`);
    }
  }
}

async function cpuShare(server: VnetServer, seconds: number): Promise<number> {
  const before = cpuTime(pidsOf(server));
  const began = performance.now();
  await pause(seconds * 1000);
  const took = (performance.now() - began) / 1000;
  return cpuBetween(before, cpuTime(pidsOf(server))).own / took;
}

/** Text for people. */
export function reportIdle({ handlers, initiator, responder }: IdleCost): string {
  const line = (name: string, { cpu, bytesEach }: IdleCost['initiator']) =>
    `${name}  ${(cpu * 100).toFixed(2)} % of a core, ${(bytesEach / 1e6).toFixed(2)} MB each\n`;
  return `${handlers} idle Handlers\n${line('  initiating server', initiator)}${line('  responding server', responder)}`;
}
