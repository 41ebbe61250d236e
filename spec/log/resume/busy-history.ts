/**
 * A busy history of one server, with the state of its machine at every record: which interfaces stood, which secrets
 * were kept. A crash can be put at any point of it.
 */
import { DeviceError, type InterfaceInfo } from '../../../io/ports.ts';
import { handle, handleLine, MAC2, pair } from '../../support/pair.ts';
import type { Station } from '../../support/station.ts';
import { MemoryWorld } from '../../support/world.ts';
import { breakWire } from '../scripts/script.ts';

/** Short ones, so that little time has to pass. */
export const LIMITS = {
  initiator: { handle: 1_500, dial: 1_000, firstDelay: 400, lastDelay: 1_000, stable: 5_000 },
  responder: { grace: 1_000 },
};

/** What is outside of the process at one moment. */
export interface Outside {
  readonly interfaces: readonly InterfaceInfo[];
  readonly secrets: ReadonlyMap<string, string>;
}

export interface History {
  readonly lines: readonly string[];
  /** For each record what stood outside when it was written, nothing that follows from it done yet … */
  readonly at: readonly Outside[];
  /** … and when all that followed was done, before the next write. */
  readonly after: readonly Outside[];
}

/** Interfaces of the user, which no server may touch. `own9` is a TAP of the user's. */
export const OF_THE_USER = ['vm0', 'vm1', 'in0', 'own9'] as const;

const mac = (number: number): string => `52:54:00:00:01:${number.toString(16).padStart(2, '0')}`;

export async function busyHistory(): Promise<History> {
  const world = new MemoryWorld();
  const made = await pair(world, {
    host: { limits: LIMITS, recorder: { segmentBytes: 90_000 } },
    proxy: { limits: LIMITS },
  });
  const { host, proxy } = made;
  host.devices.add({ name: 'in0' });
  host.devices.add({ name: 'own9', kind: 'tap' });
  const observed = observe(host);
  for (const chapter of CHAPTERS) await chapter(world, host, proxy);
  await world.finish();
  return observed();
}

/** Watches every write to its log. The lines before the first one it saw belong to it. */
function observe(host: Station): () => History {
  const { journal } = host;
  const outsides: { readonly upTo: number; readonly outside: Outside }[] = [];
  const look = (lines: number) => {
    const secrets = new Map(host.secrets.refs().map((ref) => [ref, host.secrets.get(ref) ?? '']));
    outsides.push({ upTo: lines, outside: { interfaces: host.devices.interfaces(), secrets } });
  };
  const append = journal.append.bind(journal);
  journal.append = (lines) => {
    append(lines);
    look(journal.lines.length);
  };
  return () => {
    look(journal.lines.length);
    const { lines } = journal;
    const find = (record: number) => outsides.findIndex(({ upTo }) => upTo >= record);
    const at = lines.map((_, index) => outsides[find(index + 1)]!.outside);
    const after = lines.map((_, index) => {
      const own = find(index + 1);
      // In the middle of one write nothing that follows from it can be done.
      return outsides[outsides[own]!.upTo === index + 1 ? Math.min(own + 1, outsides.length - 1) : own]!
        .outside;
    });
    return { lines, at, after };
  };
}

type Chapter = (world: MemoryWorld, host: Station, proxy: Station) => Promise<void>;

const CHAPTERS: readonly Chapter[] = [
  async function strangersComeAndGo(world, host) {
    const stranger = await host.connect();
    await stranger.ask('HELLO password wrong', 2_000);
    await stranger.ask('DONE');
    await host.connect();
    await world.settle();
  },
  async function handlersOfBothSides(world, host, proxy) {
    const client = await host.client();
    await handle(client);
    await handle(client, { local: 'tap:vm8', far: 'lan1', macs: MAC2 });
    await handle(client, { local: 'tap:vm8', far: 'lan0', macs: mac(1) });
    await handle(client, { local: 'tap:own9', far: 'lan0', macs: mac(2) });
    const there = await proxy.client();
    await handle(there, toHost('tap:in8', mac(3)));
    await handle(there, toHost('tap:in8', mac(4)));
    await handle(there, toHost('in0', mac(5)));
    await handle(there, toHost('tap:in7', mac(6)));
    await world.elapse(300);
  },
  async function handlesThatFail(world, host) {
    const client = await host.client();
    await client.ask(handleLine({ local: 'tap:vm7', far: 'nothing0', macs: mac(10) }), 5_000);
    await client.ask(handleLine({ local: 'vm1', auth: 'password:wrong', macs: mac(11) }), 5_000);
    host.devices.fault = new DeviceError('internal', 'no descriptors left');
    await client.ask(handleLine({ local: 'tap:vm7', macs: mac(12) }), 5_000);
    host.devices.fault = undefined;
    await world.elapse(300);
  },
  async function theWireBreaks(world, host, proxy) {
    await breakWire(world, host, proxy);
    await world.elapse(1_500);
  },
  async function theServerDies(world, host) {
    await host.restart();
    await world.elapse(1_500);
  },
  async function handlersAreClosed(world, host, proxy) {
    const client = await host.client();
    const [first, second] = host.server.handlers.all().map(({ context }) => context.id);
    await client.ask(`CLOSE ${first}`, 5_000);
    client.say(`CLOSE ${second}`, handleLine({ local: 'tap:vm8', far: 'lan1', macs: MAC2 }));
    for (let answers = 0; answers < 2; answers++) await client.answer(5_000);
    const there = await proxy.client();
    const theirs = proxy.server.handlers.all().filter(({ context }) => context.side === 'initiator');
    await there.ask(`CLOSE ${theirs[0]?.context.id}`, 5_000);
    await client.ask(`CLOSE ${theirs[1]?.context.id}`, 5_000);
    await world.elapse(500);
  },
  async function theLastOfATapGoesAndComes(world, host) {
    const client = await host.client();
    const id = await handle(client, { local: 'tap:vm6', macs: mac(20) });
    client.say(`CLOSE ${id}`, handleLine({ local: 'tap:vm6', macs: mac(20) }));
    for (let answers = 0; answers < 2; answers++) await client.answer(5_000);
    await world.elapse(300);
  },
  async function theFarEndGoesAway(world, host, proxy) {
    proxy.crash();
    await breakWire(world, host, proxy);
    await world.elapse(2_500);
    await proxy.start();
    await world.elapse(1_500);
  },
  async function interfacesAreDeleted(world, host) {
    host.devices.delete('vm6');
    host.devices.delete('vm0');
    await world.elapse(300);
    host.devices.add({ name: 'vm0' });
  },
  async function theServerIsStoppedAndStarted(world, host) {
    await host.stop();
    await world.elapse(300);
    await host.start();
    await world.elapse(2_500);
  },
];

/** A HANDLE line from `proxy` to `host`. */
function toHost(far: string, macs: string): Parameters<typeof handleLine>[0] {
  return {
    remote: 'tcp://host:7411',
    auth: 'password:secret-of-host',
    local: 'lan0',
    far,
    roles: 'PROXY HOST',
    macs,
  };
}
