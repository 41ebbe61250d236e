/** Handlers between devices of memory, put together as the Handler actors do it. */

import { OwnWires } from '../../../actors/packet-path/own-wires.ts';
import { HandlerPath } from '../../../actors/packet-path/path.ts';
import { Segment } from '../../../actors/packet-path/segment.ts';
import { Wire, type WireEvents } from '../../../actors/packet-path/wire.ts';
import { VirtualClock } from '../../../io/memory/clock.ts';
import type { Clock } from '../../../io/ports.ts';
import type { HandlerOptions, Role } from '../../../machines/protocol/types.ts';
import { HandDevice, type HandLink, linkPair, settle } from './twins.ts';

export const A = '52:54:00:00:00:0a';
export const B = '52:54:00:00:00:0b';
export const C = '52:54:00:00:00:0c';
export const LAN = '52:54:00:00:00:99';
export const BROADCAST = 'ff:ff:ff:ff:ff:ff';
export const MULTICAST = '33:33:00:00:00:01';

export const OPTIONS: HandlerOptions = { offload: true, announce: true, l2cp: false };

export interface Place {
  readonly device: HandDevice;
  readonly segment: Segment;
  readonly goneFor: string[];
}

export function place(device = new HandDevice(), clock?: Clock): Place {
  const goneFor: string[] = [];
  return { device, segment: new Segment(device, { gone: (reason) => goneFor.push(reason) }, clock), goneFor };
}

export interface Heard {
  readonly events: string[];
  readonly told: WireEvents;
}

export function listener(): Heard {
  const events: string[] = [];
  return {
    events,
    told: {
      firstRecord: () => events.push('firstRecord'),
      broken: (why) => events.push(`broken: ${why}`),
      bye: (reason) => events.push(`bye: ${reason}`),
      roundTrip: () => 0,
      protocolError: (text) => events.push(`protocolError: ${text}`),
    },
  };
}

export interface End {
  readonly path: HandlerPath;
  wire: Wire;
  link: HandLink;
  events: string[];
}

export interface HandlerPair {
  readonly near: End;
  readonly far: End;
}

/** All that is in one test. */
export class Rig {
  readonly clock = new VirtualClock();
  readonly ownWires = new OwnWires(this.clock);
  readonly links: HandLink[] = [];
  #id = 0;

  path(
    at: Pick<Place, 'segment'>,
    role: Role,
    macs: readonly string[],
    options: Partial<HandlerOptions> = {},
    multicast = true,
  ) {
    const handler = `h${this.#id++}`;
    const config = { role, multicast };
    return new HandlerPath(
      at.segment,
      { handler, config, macs, options: { ...OPTIONS, ...options }, ownWires: this.ownWires },
      this.clock,
    );
  }

  /** A Handler of this role at `near` and of its partner at `far`, with a wire between them. */
  handler(
    near: Place,
    role: Role,
    far: Place,
    macs: readonly string[] = ['*'],
    options: Partial<HandlerOptions> = {},
  ): HandlerPair {
    const partner = { HOST: 'PROXY', PROXY: 'HOST', BRIDGE: 'BRIDGE' } as const;
    const nearPath = this.path(near, role, macs, options);
    const farPath = this.path(far, partner[role], macs, options);
    return this.wire(nearPath, near, farPath, far, options.offload ?? true);
  }

  /** Puts a new wire between two places. */
  wire(nearPath: HandlerPath, near: Place, farPath: HandlerPath, far: Place, offload: boolean): HandlerPair {
    const [a, b] = linkPair();
    this.links.push(a, b);
    return {
      near: this.#end(nearPath, a, offload, far.segment.mtu, true),
      far: this.#end(farPath, b, offload, near.segment.mtu, false),
    };
  }

  settle(): void {
    settle(...this.links);
  }

  #end(path: HandlerPath, link: HandLink, offload: boolean, farMtu: number, initiator: boolean): End {
    const { events, told } = listener();
    const wire = new Wire(link, this.clock, told, { offload, initiator });
    path.connect(wire, { offload, farMtu });
    wire.start(new Uint8Array(0));
    return { path, wire, link, events };
  }
}

/** Sum of all reasons. */
export function total(dropped: Readonly<Record<string, number>>): number {
  return Object.values(dropped).reduce((sum, count) => sum + count, 0);
}
