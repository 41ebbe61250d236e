/**
 * Keeps a TAP in its bridge, with the bridge's MTU. The bridge may be made again under its name, as network managers do at every change, and
 * anybody may take the TAP out of it: the kernel tells, and it is put back, once a second at most.
 */
import type { BridgeChange } from '../ports.ts';
import type { NativeLink } from './addon.ts';
import { linkMonitor } from './link-monitor.ts';
import { linkTable } from './link-table.ts';
import { isOurs, putInto, setMtu } from './links.ts';

const PAUSE_MS = 1000;

export class BridgePort {
  readonly #stop: () => void;
  /** Where it is to be; the name is followed for as long as this one stands. */
  #bridge: { name: string; ifindex: number };
  #inside = true;
  /**
   * The MTU of the bridge where it does not follow its ports, as after somebody has set it. The kernel does not say so;
   * it shows when all ports have more. Where the bridge follows its ports our TAP must not be what holds it down.
   */
  #fixed: number | undefined;
  /** Whether its MTU was looked at before: at first it has the bridge's by us, which tells nothing. */
  #mtuLooked = false;
  /** Why it could not be put back; told once. */
  #failure: string | undefined;
  #looking = false;
  #pause: NodeJS.Timeout | undefined;
  #over = false;

  constructor(
    private readonly tap: number,
    bridge: NativeLink,
    private readonly tell: (change: BridgeChange) => void,
  ) {
    this.#bridge = { name: bridge.name, ifindex: bridge.ifindex };
    this.#stop = linkMonitor().listen({ touched: () => this.#soon(), missed: () => this.#soon() });
    // What happened before it was listened for.
    this.#soon();
  }

  stop(): void {
    this.#over = true;
    clearTimeout(this.#pause);
    this.#stop();
  }

  #soon(): void {
    if (this.#looking || this.#pause !== undefined || this.#over) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      if (!this.#over) this.#look();
    });
  }

  #later(): void {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (!this.#over) this.#look();
    }, PAUSE_MS).unref();
  }

  #look(): void {
    try {
      this.#keep();
    } catch (cause) {
      // No descriptor left, no right any more, or what it was to be put into went at that moment.
      this.#failed((cause as Error).message);
      this.#later();
    }
  }

  #keep(): void {
    const links = linkTable().links();
    const tap = links.get(this.tap);
    // When it is deleted its device is told.
    if (tap === undefined) return;
    const bridge =
      asBridge(links.get(this.#bridge.ifindex)) ?? asBridge(linkTable().named(this.#bridge.name));
    if (bridge !== undefined && tap.master === bridge.ifindex) {
      this.#bridge = { name: bridge.name, ifindex: bridge.ifindex };
      if (!this.#inside) this.#joined();
      this.#keepMtu(tap, bridge);
      return;
    }
    if (this.#inside) this.tell({ bridge: bridge?.name ?? this.#bridge.name, joined: false });
    this.#inside = false;
    if (bridge === undefined) return;
    putInto(tap, bridge);
    this.#bridge = { name: bridge.name, ifindex: bridge.ifindex };
    this.#joined();
    // Who takes it out again and again does not keep us busy.
    this.#later();
  }

  /** @throws SystemError */
  #keepMtu(tap: NativeLink, bridge: NativeLink): void {
    const ports = [...linkTable().links().values()].filter(({ master }) => master === bridge.ifindex);
    const others = ports.filter((port) => !isOurs(port) && port.ifindex !== tap.ifindex);
    const least = (links: readonly NativeLink[]) => Math.min(...links.map(({ mtu }) => mtu));
    if (this.#fixed !== bridge.mtu) this.#fixed = undefined;
    const first = this.#mtuLooked ? ports : others;
    this.#mtuLooked = true;
    if (bridge.mtu < least(first)) this.#fixed = bridge.mtu;
    const follows = this.#fixed === undefined && others.length > 0;
    const wanted = follows ? Math.max(bridge.mtu, least(others)) : bridge.mtu;
    if (tap.mtu !== wanted) setMtu(tap.ifindex, wanted);
  }

  #joined(): void {
    this.#inside = true;
    this.#failure = undefined;
    this.tell({ bridge: this.#bridge.name, joined: true });
  }

  #failed(why: string): void {
    if (this.#inside || this.#failure === why) return;
    this.#failure = why;
    this.tell({ bridge: this.#bridge.name, joined: false, why });
  }
}

function asBridge(link: NativeLink | undefined): NativeLink | undefined {
  return link?.kind === 'bridge' ? link : undefined;
}
