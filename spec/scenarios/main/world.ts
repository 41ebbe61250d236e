/**
 * The world of the scenario tests of the main job: a home with a LAN, a Proxy there, a wide-area router, a Host with a
 * VM. Which interface each server is given is what the tests vary.
 *
 *     lan: 'port'                       lan: 'bridge'                  lan: 'tap'
 *
 *     user ──┐                          user ──┐                       user ──┐
 *     other ─┤ br0 in `home`            other ─┤ br0 in `proxy`        other ─┤ br0 in `proxy`,
 *     proxy ─┘ router, DHCP             home ──┘ `home`: router, DHCP         │ router, DHCP
 *     Proxy has eth0 on the LAN         Proxy has br0 itself            vnet0 ┘ Proxy has tap:vnet0?bridge=br0
 *
 *     proxy [wan0 198.51.100.2] ── internet (router) ── [eth0 203.0.113.2] host
 *
 *     host: 'veth'   host [vm0] ── [eth0] vm, a namespace of its own; Host has vm0
 *     host: 'tap'    Host has tap:vm0, and the VM is what stands on that TAP: the host's own stack there
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { Lab } from '../../../tools/lab/lab.ts';
import { CommandError } from '../../../tools/lab/program.ts';
import { VnetServer } from '../../../tools/lab/server.ts';
import { serveLeases } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

export const LAN = {
  user: '192.168.77.10',
  other: '192.168.77.11',
  router: '192.168.77.1',
  user6: 'fd77::10',
  vm6: 'fd77::50',
} as const;
export const WAN = { proxy: '198.51.100.2', host: '203.0.113.2', second: '203.0.113.3' } as const;
export const MAC = {
  user: '52:54:00:00:00:10',
  other: '52:54:00:00:00:11',
  vm: '52:54:00:00:00:50',
  vm2: '52:54:00:00:00:51',
} as const;

export interface WorldOptions {
  readonly lan: 'port' | 'bridge' | 'tap';
  readonly host: 'veth' | 'tap';
  /** Backend put before the names of captured interfaces; 'any' for the bare name. */
  readonly capture?: 'any' | 'pcap' | 'packet';
  /**
   * `tls`: certificates pinned at both ends. `tcp`: a password over plain TCP with --allow-plaintext, for tests
   * that want the plain path itself.
   */
  readonly wire: 'tls' | 'tcp';
  /** Time-outs of both servers other than the defaults, by their names in the configuration file. */
  readonly limits?: Readonly<Record<string, number>>;
}

export class World {
  readonly proxy: VnetServer;
  readonly host: VnetServer;
  /** Namespace and interface of the VM's own network card. */
  readonly vm: { readonly ns: string; readonly dev: string };
  readonly proxyDevice: string;
  readonly hostDevice: string;
  /** Namespace of the LAN's bridge `br0`, and that of the LAN's router, which leases addresses. */
  readonly bridgeNs: string;
  readonly routerNs: string;
  /** Where the router stands on the LAN. */
  readonly routerDev: string;
  readonly #before = new Map<string, unknown>();

  private constructor(
    readonly lab: Lab,
    readonly options: WorldOptions,
  ) {
    const { lan, host, wire, capture = 'any' } = options;
    const by = capture === 'any' ? '' : `${capture}:`;
    this.vm = host === 'veth' ? { ns: 'vm', dev: 'eth0' } : { ns: 'host', dev: 'vm0' };
    this.hostDevice = host === 'veth' ? `${by}vm0` : 'tap:vm0';
    this.proxyDevice = { port: `${by}eth0`, bridge: `${by}br0`, tap: 'tap:vnet0?bridge=br0' }[lan];
    this.bridgeNs = lan === 'port' ? 'home' : 'proxy';
    this.routerNs = lan === 'tap' ? 'proxy' : 'home';
    this.routerDev = lan === 'bridge' ? 'eth0' : 'br0';
    const args = wire === 'tcp' ? ['--allow-plaintext'] : [];
    if (options.limits !== undefined) {
      const config = join(lab.folder, 'vnet.json');
      writeFileSync(config, JSON.stringify({ limits: options.limits }));
      args.push('--config', config);
    }
    const server = (name: 'proxy' | 'host') =>
      new VnetServer(lab, { ns: name, name, listen: `${wire}://${WAN[name]}:7411`, args });
    this.proxy = server('proxy');
    this.host = server('host');
  }

  /** Builds everything and starts both servers. `close()` it. */
  static async build(options: WorldOptions): Promise<World> {
    const lab = new Lab();
    try {
      const world = new World(lab, options);
      await world.#homeNetwork();
      await world.#farNetwork();
      await world.#startServers();
      await world.#remember();
      return world;
    } catch (error) {
      lab.close();
      throw error;
    }
  }

  async #homeNetwork(): Promise<void> {
    const { lab, bridgeNs } = this;
    await lab.addNamespaces('user', 'other', 'home', 'proxy', 'internet', 'host');
    const addresses = this.routerNs === bridgeNs ? [`${LAN.router}/24`] : [];
    await lab.addBridge(bridgeNs, 'br0', { addresses });
    for (const name of ['user', 'other'] as const) {
      const own = [`${LAN[name]}/24`, ...(name === 'user' ? [`${LAN.user6}/64`] : [])];
      await lab.addCable(
        { ns: name, dev: 'eth0', mac: MAC[name], addresses: own },
        { ns: bridgeNs, dev: name, bridge: 'br0' },
      );
    }
    if (this.options.lan === 'port') {
      await lab.addCable({ ns: 'proxy', dev: 'eth0' }, { ns: 'home', dev: 'proxy', bridge: 'br0' });
    }
    if (this.options.lan === 'bridge') {
      await lab.addCable(
        { ns: 'home', dev: 'eth0', addresses: [`${LAN.router}/24`] },
        { ns: 'proxy', dev: 'home', bridge: 'br0' },
      );
    }
    await serveLeases(lab, this.routerNs, {
      dev: this.routerDev,
      first: '192.168.77.100',
      last: '192.168.77.150',
      router: LAN.router,
    });
  }

  async #farNetwork(): Promise<void> {
    const { lab } = this;
    await lab.addCable(
      { ns: 'proxy', dev: 'wan0', addresses: [`${WAN.proxy}/24`] },
      { ns: 'internet', dev: 'proxy', addresses: ['198.51.100.1/24'] },
    );
    await lab.addBridge('internet', 'far', { addresses: ['203.0.113.1/24'] });
    await lab.forward('internet');
    await lab.ip('proxy', 'route add 203.0.113.0/24 via 198.51.100.1');
    await this.#addHostMachine(
      'host',
      WAN.host,
      this.options.host === 'veth' ? { ns: 'vm', mac: MAC.vm } : undefined,
    );
  }

  async #addHostMachine(ns: string, address: string, vm?: { ns: string; mac: string }): Promise<void> {
    await this.lab.addCable(
      { ns, dev: 'eth0', addresses: [`${address}/24`] },
      { ns: 'internet', dev: ns, bridge: 'far' },
    );
    await this.lab.ip(ns, 'route add 198.51.100.0/24 via 203.0.113.1');
    if (vm) await this.addVm(vm.ns, vm.mac, ns, 'vm0');
  }

  /** Another VM: a namespace with `eth0`, whose cable ends as `dev` on a Host. */
  async addVm(ns: string, mac: string, host: string, dev: string): Promise<void> {
    await this.lab.addNamespaces(ns);
    await this.lab.addCable({ ns, dev: 'eth0', mac }, { ns: host, dev });
  }

  /** A second Host `host2` with its VM `vm2`, and a server there, started. */
  async addSecondHost(): Promise<VnetServer> {
    await this.lab.addNamespaces('host2');
    await this.#addHostMachine('host2', WAN.second, { ns: 'vm2', mac: MAC.vm2 });
    const { wire } = this.options;
    const args = wire === 'tcp' ? ['--allow-plaintext'] : [];
    const listen = `${wire}://${WAN.second}:7411`;
    const server = new VnetServer(this.lab, { ns: 'host2', name: 'host2', listen, args });
    if (wire === 'tls') {
      await server.makeKey();
      server.authorize(this.proxy);
    }
    await server.start();
    return server;
  }

  async #startServers(): Promise<void> {
    if (this.options.wire === 'tls') {
      await Promise.all([this.proxy.makeKey(), this.host.makeKey()]);
      this.proxy.authorize(this.host);
      this.host.authorize(this.proxy);
    }
    await Promise.all([this.proxy.start(), this.host.start()]);
  }

  /** `<remote> <auth>` of a HANDLE to that server. */
  to(server: VnetServer): string {
    const url = server.options.listen;
    return this.options.wire === 'tls'
      ? `${url}?pin=${server.fingerprint} cert`
      : `${url} password:correct-horse-7`;
  }

  /** Asks the Proxy for the Handler of the main job, its VM ready to speak. @returns its id */
  async handle(options = ''): Promise<string> {
    const ends = `${this.proxyDevice} ${this.hostDevice} PROXY HOST ${MAC.vm}`;
    const id = await this.proxy.handle(`${this.to(this.host)} ${ends} ${options}`.trim());
    if (this.options.host === 'tap') await this.dressTap();
    return id;
  }

  /** A TAP that the server has made is the VM's network card: it gets the VM's address. */
  async dressTap(): Promise<void> {
    await this.lab.ip(
      'host',
      `link set dev vm0 down`,
      `link set dev vm0 address ${MAC.vm}`,
      `link set dev vm0 up`,
    );
  }

  /** Gives a VM a fixed address on the LAN. */
  async setAddress(address: string, vm: { ns: string; dev: string } = this.vm): Promise<void> {
    const v6 = address.includes(':');
    await this.lab.ip(vm.ns, `address replace ${address} dev ${vm.dev}${v6 ? ' nodad' : ''}`);
    if (!v6) return;
    // The kernel answers neighbour solicitations a moment before it takes packets for the address.
    const route = ['ip', '-6', 'route', 'show', 'table', 'local', address.replace(/\/.*/, '')];
    await waitUntil(async () => (await this.lab.run(vm.ns, route)).stdout !== '', {
      what: `the local route of ${address}`,
    });
  }

  /** What of the user's interfaces must be as before, offloads too. */
  async #interfaces(): Promise<Map<string, unknown>> {
    const found = new Map<string, unknown>();
    const wanted: [string, string][] = [[this.bridgeNs, 'br0']];
    if (this.options.lan === 'port') wanted.push(['proxy', 'eth0']);
    if (this.options.host === 'veth') wanted.push(['host', 'vm0']);
    for (const [ns, dev] of wanted) {
      const { mtu, address, flags } = await this.lab.link(ns, dev);
      const features = (await this.lab.run(ns, ['ethtool', '-k', dev])).stdout;
      found.set(`${ns}/${dev}`, { mtu, address, flags, features });
    }
    return found;
  }

  async #remember(): Promise<void> {
    for (const [name, state] of await this.#interfaces()) this.#before.set(name, state);
  }

  /** No interface of the user's is changed: address, MTU, flags and offloads are those of the beginning. */
  async assertInterfacesUntouched(): Promise<void> {
    for (const [name, state] of await this.#interfaces()) assert.equal(state, this.#before.get(name), name);
  }

  /** Ends the servers, which must end well, replays every log, and takes the world down also when that fails. */
  async close(...further: readonly VnetServer[]): Promise<void> {
    try {
      for (const server of [this.proxy, this.host, ...further]) {
        if (server.program?.running) await server.stop();
        const replay = await server.replay();
        if (replay.status !== 0) throw new CommandError(replay);
      }
    } finally {
      this.lab.close();
    }
  }
}
