/**
 * The smallest world that frames cross: one server that dials itself, between two captured interfaces.
 *
 *     user [eth0] ── [lan0] relay [vm0] ── [eth0] vm
 *     10.7.0.1, fd07::1     BRIDGE         10.7.0.2, fd07::2
 */
import { Lab } from '../../../tools/lab/lab.ts';
import { SECRET, VnetServer } from '../../../tools/lab/server.ts';

export const ADDRESS = { user: '10.7.0.1', user6: 'fd07::1', vm: '10.7.0.2', vm6: 'fd07::2' } as const;

export interface RelayOptions {
  /** Put before the names of the interfaces: `pcap:`. */
  readonly by?: string;
  /** MTU on the user's side and on the VM's; 1,500 when left out. */
  readonly mtus?: readonly [number, number];
}

export class Relay {
  handler = '';

  private constructor(
    readonly lab: Lab,
    readonly server: VnetServer,
    private readonly options: RelayOptions,
  ) {}

  /** Builds it, before the interfaces are captured. `close()` it. */
  static async build(options: RelayOptions = {}): Promise<Relay> {
    const lab = new Lab();
    try {
      await lab.addNamespaces('user', 'relay', 'vm');
      const server = new VnetServer(lab, { ns: 'relay', name: 'relay', listen: 'tcp://127.0.0.1:7411' });
      const relay = new Relay(lab, server, options);
      await relay.#cables();
      await server.start();
      return relay;
    } catch (error) {
      lab.close();
      throw error;
    }
  }

  async #cables(): Promise<void> {
    const [near = 1500, far = 1500] = this.options.mtus ?? [];
    const { user, user6, vm, vm6 } = ADDRESS;
    await this.lab.addCable(
      { ns: 'user', dev: 'eth0', mtu: near, addresses: [`${user}/24`, `${user6}/64`] },
      { ns: 'relay', dev: 'lan0', mtu: near },
    );
    await this.lab.addCable(
      { ns: 'vm', dev: 'eth0', mtu: far, addresses: [`${vm}/24`, `${vm6}/64`] },
      { ns: 'relay', dev: 'vm0', mtu: far },
    );
  }

  /** Puts the Handler up. */
  async handle(options = ''): Promise<void> {
    const { by = '' } = this.options;
    const ends = `${by}lan0 ${by}vm0 BRIDGE BRIDGE *`;
    this.handler = await this.server.handle(
      `tcp://127.0.0.1:7411 password:${SECRET} ${ends} ${options}`.trim(),
    );
  }

  /** Turns features of an interface on or off. */
  async ethtool(ns: string, dev: string, ...words: readonly string[]): Promise<void> {
    await this.lab.run(ns, ['ethtool', '-K', dev, ...words]);
  }

  async close(): Promise<void> {
    try {
      if (this.server.program?.running) await this.server.stop();
    } finally {
      this.lab.close();
    }
  }
}
