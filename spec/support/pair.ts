/** The usual case: a server beside a VM, one on the LAN, and a Handler between them. */
import type { HandlerActor } from '../../actors/handler/handler.ts';
import type { Station, StationOptions } from './station.ts';
import type { Talker } from './talker.ts';
import type { MemoryWorld } from './world.ts';

export const MAC = '52:54:00:00:00:01';
export const MAC2 = '52:54:00:00:00:02';

export interface Pair {
  /** The initiator, beside the VM; has `vm0` and `vm1`. */
  readonly host: Station;
  /** The responder, on the LAN; has `lan0` and `lan1`. */
  readonly proxy: Station;
  readonly client: Talker;
}

export async function pair(
  world: MemoryWorld,
  options: { host?: Partial<StationOptions>; proxy?: Partial<StationOptions> } = {},
): Promise<Pair> {
  const host = world.station('host', { passwords: { default: 'secret-of-host' }, ...options.host });
  const proxy = world.station('proxy', {
    passwords: { default: 'secret-of-proxy', other: 'secret-of-other' },
    ...options.proxy,
  });
  for (const name of ['vm0', 'vm1']) host.devices.add({ name });
  for (const name of ['lan0', 'lan1']) proxy.devices.add({ name });
  await host.start();
  await proxy.start();
  return { host, proxy, client: await host.client() };
}

/** A HANDLE line from `host` to `proxy`, with what is to be different. */
export function handleLine({
  remote = 'tcp://proxy:7411',
  auth = 'password:secret-of-proxy',
  local = 'vm0',
  far = 'lan0',
  roles = 'HOST PROXY',
  macs = MAC,
  options = '',
} = {}): string {
  return `HANDLE ${remote} ${auth} ${local} ${far} ${roles} ${macs} ${options}`.trim();
}

/** Says HANDLE and gives the id of the Handler, which then stands. */
export async function handle(client: Talker, change: Parameters<typeof handleLine>[0] = {}): Promise<string> {
  const answer = await client.ask(handleLine(change), 15_000);
  const id = /^OK handler=([0-9a-f]{16,64})$/.exec(answer)?.[1];
  if (id === undefined) throw new Error(answer);
  return id;
}

export const ID = '00112233445566778899aabbccddeeff';

/** A BEGIN line as `host` would send it to `proxy`. */
export function beginLine({
  id = ID,
  local = 'lan0',
  far = 'vm0',
  roles = 'PROXY HOST',
  macs = MAC,
  options = 'offload=on mtu=1500',
} = {}): string {
  return `BEGIN ${id} ${local} ${far} ${roles} ${macs} ${options}`;
}

/** The only Handler of a server. */
export function only(station: Station): HandlerActor {
  const all = station.server.handlers.all();
  if (all.length !== 1 || all[0] === undefined) throw new Error(`${station.name} has ${all.length} Handlers`);
  return all[0];
}

/** State of a Handler at a server; `none` where it has none of that id. */
export function stateOf(station: Station, id: string): string {
  return (
    station.server.handlers
      .byId(id)
      .map(({ state }) => state)
      .join('+') || 'none'
  );
}
