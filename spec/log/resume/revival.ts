/** A server that starts on what a crash has left: a part of a log, some interfaces, the secrets that were kept. */
import { DEFAULT_LIMITS } from '../../../actors/limits.ts';
import { Recorder } from '../../../actors/recorder/recorder.ts';
import { Server } from '../../../actors/server.ts';
import { sha256 } from '../../../io/journal/digest.ts';
import { MemoryAuthenticator } from '../../../io/memory/authenticator.ts';
import { SeededChance } from '../../../io/memory/chance.ts';
import { VirtualClock } from '../../../io/memory/clock.ts';
import { MemoryDevices } from '../../../io/memory/devices.ts';
import { MemoryDiagnostics } from '../../../io/memory/diagnostics.ts';
import { MemoryJournal } from '../../../io/memory/journal.ts';
import { MemoryInternet } from '../../../io/memory/network.ts';
import { MemorySecretStore } from '../../../io/memory/secrets.ts';
import type { InterfaceInfo, Link } from '../../../io/ports.ts';
import { encodePing, PING, PONG } from '../../../machines/frames/records.ts';
import type { LiveActor } from '../../../machines/log/fold.ts';
import type { Head } from '../../../machines/log/record.ts';
import { LIMITS } from './busy-history.ts';

export interface Remains {
  readonly head: Head;
  readonly live: ReadonlyMap<string, LiveActor>;
  readonly interfaces: readonly InterfaceInfo[];
  readonly secrets: ReadonlyMap<string, string>;
  /** Whether the servers that it dials are there. */
  readonly peers: boolean;
}

export class Revival {
  readonly clock = new VirtualClock();
  readonly devices = new MemoryDevices(this.clock);
  readonly secrets = new MemorySecretStore();
  readonly diagnostics = new MemoryDiagnostics();
  /** What it writes: the log goes on with this. */
  readonly journal = new MemoryJournal();
  readonly server: Server;

  private constructor(remains: Remains) {
    const { clock, devices, secrets, diagnostics, journal } = this;
    for (const [ref, secret] of remains.secrets) secrets.put(ref, secret);
    const internet = new MemoryInternet(clock);
    const network = internet.host('10.0.0.1', { names: ['host'] });
    const peer = internet.host('10.0.0.2', { names: ['proxy'] });
    if (remains.peers) void peer.listen('tcp://0.0.0.0:7411', playPeer);
    const recorder = new Recorder({
      store: journal,
      clock,
      digest: sha256,
      boot: 'revived',
      sync: 'interval',
      diagnostics,
      head: remains.head,
      live: remains.live,
      schedule: (flush) => void clock.after(0, flush),
    });
    this.server = new Server({
      name: 'host',
      version: '0.0.0',
      boot: 'revived',
      pid: 1,
      limits: { ...DEFAULT_LIMITS, ...LIMITS },
      configuration: { allowPlaintext: true, peer: () => undefined, forbids: () => undefined },
      network,
      interfaces: devices,
      clock,
      chance: new SeededChance(7),
      authenticator: new MemoryAuthenticator(clock).password('default', 'secret-of-host'),
      secretStore: secrets,
      diagnostics,
      recorder,
      facts: () => [],
      checks: () => [],
    });
  }

  static async start(remains: Remains, ofTheUser: readonly string[]): Promise<Revival> {
    const revival = new Revival(remains);
    for (const info of remains.interfaces) {
      if (ofTheUser.includes(info.name)) revival.devices.add(info);
      else revival.devices.addOurs(info);
    }
    const { live } = remains;
    const started = revival.server.start({
      listen: ['tcp://0.0.0.0:7411'],
      resume: true,
      live,
      tornBytes: 0,
    });
    await revival.clock.settle();
    await started;
    return revival;
  }

  async stop(): Promise<void> {
    let over = false;
    void this.server.stop('SIGTERM').then(() => {
      over = true;
    });
    await this.clock.settle();
    for (let step = 0; !over && step < 50; step++) await this.clock.elapse(100);
    if (!over) throw new Error('it did not stop within 5 s');
  }

  /** Names of the TAPs that stand and are not the user's. */
  taps(ofTheUser: readonly string[]): string[] {
    return this.devices
      .interfaces()
      .map(({ name }) => name)
      .filter((name) => !ofTheUser.includes(name))
      .sort();
  }
}

/** Another server, as far as this one can tell: it takes every HELLO and BEGIN, and answers PINGs. */
function playPeer(link: Link): void {
  const say = (line: string) => link.write(Buffer.from(`${line}\n`));
  say('OK VNET/1 server=proxy auth=password');
  let binary = false;
  const answer = (line: string) => {
    const [verb, id] = line.split(' ');
    if (verb === 'HELLO') return say('OK session=0 identity=default');
    binary = true;
    say(`OK handler=${id} offload=on mtu=1500`);
  };
  link.attach({
    data: (chunk) => {
      if (!binary) for (const line of chunk.toString().split('\n').slice(0, -1)) answer(line);
      else if (chunk[0] === PING) link.write(encodePing(PONG, Buffer.from(chunk.subarray(4, 12))));
    },
    drain: () => undefined,
    end: () => link.end(),
    closed: () => undefined,
  });
}
