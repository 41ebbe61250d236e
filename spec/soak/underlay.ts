/** What can be done to the way between two servers, at the router between them. */
import type { Lab } from '../../tools/lab/lab.ts';

/** Losses that every packet through the router suffers, by nftables (the test kernel has no netem). */
export class Router {
  #lossy = false;

  /** @param dev the router's interface towards one of the servers */
  constructor(
    private readonly lab: Lab,
    private readonly ns: string,
    private readonly dev: string,
  ) {}

  down(): Promise<void> {
    return this.lab.ip(this.ns, `link set dev ${this.dev} down`);
  }

  up(): Promise<void> {
    return this.lab.ip(this.ns, `link set dev ${this.dev} up`);
  }

  /** Longer packets are refused from now on, and their senders told (RFC 1191); both ends keep their own MTU. */
  mtu(bytes: number): Promise<void> {
    return this.lab.ip(this.ns, `link set dev ${this.dev} mtu ${bytes}`);
  }

  /** @param percent of all packets that are lost; 0 for none */
  async lose(percent: number): Promise<void> {
    if (this.#lossy) await this.#nft('delete table inet vnfaults');
    this.#lossy = percent > 0;
    if (percent === 0) return;
    await this.#nft(
      [
        'add table inet vnfaults',
        'add chain inet vnfaults way { type filter hook forward priority 0; policy accept; }',
        `add rule inet vnfaults way ${percent < 100 ? `numgen random mod 100 < ${percent}` : ''} drop`,
      ].join('\n'),
    );
  }

  async #nft(lines: string): Promise<void> {
    await this.lab.run(this.ns, ['nft', '-f', '-'], { input: `${lines}\n` });
  }
}
