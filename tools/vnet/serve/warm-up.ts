/**
 * Lets the packet path run before anybody needs it. V8 makes code fast that it has seen run a thousand times, which a
 * quiet Handler brings about in a quarter of an hour: until then a frame takes it three times as long
 * (docs/PERFORMANCE.md has the figures).
 *
 *     station ── socketpair ── TAP device ── segment, path, wire ══ socketpair ══ wire, path, segment ── TAP device ── socketpair ── station
 *
 * All of it is what a Handler is made of, on sockets that nobody else can reach, and none of it an actor: no record, no
 * device, no Handler, no counter of the server knows of it. What runs is short pieces between two looks at everything else,
 * so that nobody waits for it. Three worlds one after the other: what V8 learns of the first alone, it has to unlearn at the second.
 */
import { OwnWires } from '../../../actors/packet-path/own-wires.ts';
import { HandlerPath } from '../../../actors/packet-path/path.ts';
import { Segment } from '../../../actors/packet-path/segment.ts';
import { Wire, type WireEvents } from '../../../actors/packet-path/wire.ts';
import { realClock } from '../../../io/clock.ts';
import { addon, type NativeTap, OUTCOME } from '../../../io/device/addon.ts';
import { openTapOver } from '../../../io/device/tap-device.ts';
import { type KernelSocketOptions, kernelSockets } from '../../../io/net/kernel-sockets.ts';
import { linkPair } from '../../../io/net/link-pair.ts';
import type { Clock, Diagnostics, Link } from '../../../io/ports.ts';
import { FRAME, HEADER_BYTES, writeHeader } from '../../../machines/frames/records.ts';
import type { HandlerOptions, RoleConfig } from '../../../machines/protocol/types.ts';

type Role = RoleConfig['role'];

/** Round trips in each world, and the roles of its ends. */
const WORLDS: readonly { readonly rounds: number; readonly roles: readonly [Role, Role] }[] = [
  { rounds: 50, roles: ['HOST', 'PROXY'] },
  { rounds: 50, roles: ['BRIDGE', 'BRIDGE'] },
  { rounds: 1500, roles: ['HOST', 'PROXY'] },
  { rounds: 1500, roles: ['BRIDGE', 'BRIDGE'] },
];
/** Since the process began: READY does not wait longer for what the start has left time for. The rest follows behind it. */
const READY_BY_MS = 170;
/** A world in which nothing comes back any more is left. */
const PATIENCE_MS = 2000;
const MTU = 1500;
const FRAME_BYTES = 98;
const VM = '52:54:00:00:00:01';
const OPTIONS: HandlerOptions = { offload: true, announce: false, l2cp: false };

/** These are no TCP sockets. */
const KERNEL: KernelSocketOptions = {
  congestion: { name: undefined, fromMicros: Number.POSITIVE_INFINITY },
  unbounded: () => undefined,
  refused: () => undefined,
};

const UNHEARD: WireEvents = {
  firstRecord: () => undefined,
  broken: () => undefined,
  bye: () => undefined,
  protocolError: () => undefined,
  roundTrip: () => undefined,
};

/** One who waits for frames and sends some: a VM at the one end, a machine of the LAN at the other. */
class Station {
  onFrame: () => void = () => undefined;
  readonly #outcome = new Int32Array(OUTCOME.length);
  readonly #port: NativeTap;
  readonly #room = Buffer.allocUnsafeSlow(3 * 65_656);

  /** @throws SystemError */
  constructor(socket: number) {
    this.#port = new (addon().Tap)(socket, false, false, this.#outcome, () => this.#read());
    this.#port.poll(true);
  }

  say(record: Buffer): void {
    this.#port.write(record, 0, record.length);
  }

  close(): void {
    this.#port.close();
  }

  #read(): void {
    this.#port.read(this.#room, 0, this.#room.length);
    for (let frames = this.#outcome[OUTCOME.frames]!; frames > 0; frames--) this.onFrame();
  }
}

/** One server's part of a Handler, with the station on its device. */
class End {
  readonly station: Station;
  readonly #segment: Segment;
  readonly #path: HandlerPath;
  readonly #wire: Wire;

  /** @throws SystemError */
  constructor(role: Role, initiator: boolean, link: Link, clock: Clock) {
    const [inside, outside] = addon().socketPair(true);
    this.#segment = new Segment(openTapOver(inside), { gone: () => undefined }, clock);
    this.station = new Station(outside);
    const config = { role, multicast: true };
    this.#path = new HandlerPath(
      this.#segment,
      {
        handler: 'warm-up',
        config,
        macs: role === 'BRIDGE' ? ['*'] : [VM],
        options: OPTIONS,
        ownWires: new OwnWires(clock),
      },
      clock,
    );
    this.#wire = new Wire(link, clock, UNHEARD, { offload: true, initiator });
    this.#path.connect(this.#wire, { offload: true, farMtu: MTU });
    this.#wire.start(Buffer.alloc(0));
  }

  async close(): Promise<void> {
    this.station.close();
    this.#wire.destroy();
    this.#path.close();
    await this.#segment.close();
  }
}

/** A frame as small as that of a ping, between the VM and a machine of the LAN. */
function frameRecord(fromVm: boolean): Buffer {
  const record = Buffer.alloc(HEADER_BYTES + FRAME_BYTES);
  writeHeader(record, 0, FRAME, FRAME_BYTES);
  const [vm, lan] = [0x525400000001, 0x525400000002];
  record.writeUIntBE(fromVm ? lan : vm, HEADER_BYTES, 6);
  record.writeUIntBE(fromVm ? vm : lan, HEADER_BYTES + 6, 6);
  // An echo request: version 4, protocol 1.
  record.writeUInt16BE(0x0800, HEADER_BYTES + 12);
  record[HEADER_BYTES + 14] = 0x45;
  record.writeUInt16BE(FRAME_BYTES - 14, HEADER_BYTES + 16);
  record[HEADER_BYTES + 23] = 1;
  return record;
}

/**
 * Lets so many frames go there and back, one at a time. Resolves early when it is `stopped` or nothing comes any more.
 * @returns how many came back
 */
function roundTrips(
  near: Station,
  far: Station,
  count: number,
  stopped: AbortSignal,
  patience: number,
): Promise<number> {
  const [there, back] = [frameRecord(true), frameRecord(false)];
  let left = count;
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', end);
      near.onFrame = () => undefined;
      resolve(count - left);
    };
    const timer = setTimeout(end, patience);
    stopped.addEventListener('abort', end);
    far.onFrame = () => far.say(back);
    near.onFrame = () => {
      left--;
      if (left > 0) near.say(there);
      else end();
    };
    near.say(there);
  });
}

/**
 * Resolves when all is done and nothing of it is left, soon after `stopped` says so too.
 * @param patience milliseconds after which a world that has not come to its end is left
 * @returns how many round trips were made @throws SystemError when there are no sockets to be had
 */
export async function warmUp(stopped: AbortSignal, patience = PATIENCE_MS): Promise<number> {
  let made = 0;
  const clock = realClock();
  const kernel = kernelSockets(KERNEL);
  for (const { rounds, roles } of WORLDS) {
    if (stopped.aborted) break;
    const [one, other] = linkPair(kernel);
    const ends = [new End(roles[0], true, one, clock), new End(roles[1], false, other, clock)] as const;
    try {
      made += await roundTrips(ends[0].station, ends[1].station, rounds, stopped, patience);
    } finally {
      for (const end of ends) await end.close();
    }
  }
  // What the compiler took for its work, some 3 MB, would stay with its threads for good.
  addon().trimMemory();
  return made;
}

export interface WarmUp {
  /** Resolves when READY need not wait for it any more. */
  readonly byReady: Promise<void>;
  /** Resolves when all is done. */
  readonly over: Promise<unknown>;
}

/** Begins, beside whatever else the start has to do. Neither promise rejects: a server that is cold serves as well. */
export function startWarmUp(stopped: AbortSignal, diagnostics: Diagnostics): WarmUp {
  const over = warmUp(stopped).catch((error: Error) => {
    diagnostics.warn({ error: error.message }, 'not warmed up: the first frames take longer');
  });
  const left = Math.max(0, READY_BY_MS - performance.now());
  const byReady = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, left);
    void over.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
  return { byReady, over };
}
