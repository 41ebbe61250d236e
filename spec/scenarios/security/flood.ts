/**
 * A server under a flood from many addresses, and what good clients and a Handler notice of it.
 *
 *     vm ── left [        server         ] right ── lan        ping vm → lan: through a Handler of the server to itself
 *                [ tcp, tls 10.99.0.1    ] net ──┬── good      10.99.1.1
 *                                           br0 ─┴── attacker  10.99.2.1 … 10.99.2.N
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Lab } from '../../../tools/lab/lab.ts';
import type { Program } from '../../../tools/lab/program.ts';
import { VnetServer } from '../../../tools/lab/server.ts';
import { pause } from '../../../tools/lab/wait.ts';

const ATTACKER = fileURLToPath(new URL('attacker.ts', import.meta.url));
const GOOD_CLIENT = fileURLToPath(new URL('good-client.ts', import.meta.url));
const VM = '52:54:00:00:00:50';
const SERVER = '10.99.0.1';

export interface FloodOptions {
  readonly connections: number;
  readonly seconds: number;
  /** Addresses that the attacker has. */
  readonly addresses: number;
}

/** What the attacker counted. */
export interface Attack {
  readonly tried: number;
  readonly refused: number;
  readonly mostHeld: number;
  readonly greeted: number;
  readonly turnedAway: number;
  readonly logins: number;
  readonly failed: number;
}

export interface Delays {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

/** What good clients noticed in one span of time. All delays in milliseconds. */
export interface Noticed {
  /** STATUS? in an authenticated session. */
  readonly status: Delays;
  /** From connect to the answer to HELLO with the right password. */
  readonly hello: Delays;
  readonly helloRefused: number;
  readonly ping: {
    readonly sent: number;
    readonly received: number;
    readonly p50: number;
    readonly most: number;
  };
}

export interface Findings {
  readonly before: Noticed;
  readonly during: Noticed;
  readonly attack: Attack;
  /** Most that the server ever had in memory, in MiB, and what it had when the flood began. */
  readonly peakMiB: number;
  readonly beforeMiB: number;
  /** Most sessions that were not authenticated, of those STATUS? showed. */
  readonly mostStrangers: number;
  /** How long the flood lasted. */
  readonly seconds: number;
  /** CPU seconds of the server for each second of the flood. */
  readonly cpu: number;
  readonly handler: { readonly before: string; readonly after: string };
  readonly replay: number;
}

export class Flood {
  readonly lab = new Lab();
  readonly server = new VnetServer(this.lab, {
    ns: 'server',
    name: 'server',
    listen: `tcp://${SERVER}:7411`,
    args: ['--listen', `tls://${SERVER}:7443`, '--allow-plaintext'],
  });

  async build({ addresses }: FloodOptions): Promise<void> {
    const { lab } = this;
    await lab.addNamespaces('server', 'vm', 'lan', 'good', 'attacker', 'hub');
    await lab.addCable(
      { ns: 'vm', dev: 'eth0', mac: VM, addresses: ['192.168.50.1/24'] },
      { ns: 'server', dev: 'left' },
    );
    await lab.addCable(
      { ns: 'lan', dev: 'eth0', addresses: ['192.168.50.2/24'] },
      { ns: 'server', dev: 'right' },
    );
    await lab.addBridge('hub', 'br0');
    const own = Array.from({ length: addresses }, (_, i) => `10.99.2.${i + 1}/16`);
    const ends = { server: [`${SERVER}/16`], good: ['10.99.1.1/16'], attacker: own };
    for (const [ns, list] of Object.entries(ends)) {
      await lab.addCable({ ns, dev: 'net', addresses: list }, { ns: 'hub', dev: ns, bridge: 'br0' });
    }
    await this.server.makeKey();
    await this.server.start();
    await this.server.handle(`tcp://127.0.0.1:7412 password:correct-horse-7 left right HOST PROXY ${VM}`);
  }

  async run(options: FloodOptions): Promise<Findings> {
    const handler = await this.#handler();
    const before = await this.#notice(3);
    const beforeMiB = this.#memory('VmRSS');
    const cpu = this.#cpuSeconds();
    const since = performance.now();
    const attacker = this.#attack(options);
    // Until it is in full swing.
    await pause(1_500);
    const during = await this.#notice(options.seconds);
    attacker.endInput();
    await attacker.ended;
    const seconds = (performance.now() - since) / 1000;
    return {
      before,
      during,
      attack: JSON.parse(attacker.stdout) as Attack,
      beforeMiB,
      peakMiB: this.#memory('VmHWM'),
      mostStrangers: this.#mostStrangers,
      seconds,
      cpu: (this.#cpuSeconds() - cpu) / seconds,
      handler: { before: handler, after: await this.#handler() },
      replay: await this.#end(),
    };
  }

  close(): void {
    this.lab.close();
  }

  #mostStrangers = 0;

  #attack({ connections, addresses }: FloodOptions): Program {
    const from = Array.from({ length: addresses }, (_, i) => `10.99.2.${i + 1}`);
    const node = [process.execPath, '--import', import.meta.resolve('tsx'), ATTACKER];
    const what = [SERVER, '7411', '7443', String(connections), ...from];
    return this.lab.spawn('attacker', [...node, ...what]);
  }

  async #notice(seconds: number): Promise<Noticed> {
    const node = [process.execPath, '--import', import.meta.resolve('tsx'), GOOD_CLIENT];
    const client = this.lab.spawn('good', [...node, SERVER, '7411', String(seconds), 'correct-horse-7']);
    const count = Math.round(seconds * 20);
    const ping = this.lab.spawn('vm', [
      'ping',
      '-n',
      '-i',
      '0.05',
      '-c',
      String(count),
      '-W',
      '5',
      '192.168.50.2',
    ]);
    await Promise.all([client.ended, ping.ended]);
    if (client.status !== 0) throw new Error(`the good client failed: ${client.tail()}`);
    const noticed = JSON.parse(client.stdout) as Omit<Noticed, 'ping'> & { mostStrangers: number };
    this.#mostStrangers = Math.max(this.#mostStrangers, noticed.mostStrangers);
    const times = [...ping.stdout.matchAll(/time=([\d.]+) ms/g)]
      .map(([, ms]) => Number(ms))
      .sort((a, b) => a - b);
    return {
      ...noticed,
      ping: {
        sent: count,
        received: times.length,
        p50: times[Math.floor(times.length / 2)] ?? Number.NaN,
        most: times.at(-1) ?? Number.NaN,
      },
    };
  }

  async #handler(): Promise<string> {
    const [handler] = await this.server.handlers();
    return `${handler?.id} ${handler?.state} ${handler?.since}`;
  }

  /** A field of /proc/PID/status in KiB, as MiB. */
  #memory(field: 'VmRSS' | 'VmHWM'): number {
    const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
    return Math.round(Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024);
  }

  #cpuSeconds(): number {
    const fields = readFileSync(`/proc/${this.#pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** `ip netns exec` becomes the server. */
  get #pid(): number {
    return this.server.program?.pid ?? 0;
  }

  async #end(): Promise<number> {
    await this.server.stop();
    return (await this.server.replay()).status;
  }
}

export function describe({ connections, addresses }: FloodOptions, found: Findings): string {
  const { attack, before, during, seconds } = found;
  const delays = ({ p50, p99, most, count }: Delays) =>
    `median ${p50.toFixed(1)}, 99 % ${p99.toFixed(1)}, most ${most.toFixed(1)} ms (${count})`;
  const ping = ({ sent, received, p50, most }: Noticed['ping']) =>
    `median ${p50.toFixed(2)}, most ${most.toFixed(1)} ms (${received} of ${sent})`;
  return [
    `${connections} connections wanted at once from ${addresses} addresses for ${seconds.toFixed(0)} s`,
    `  connections made           ${attack.tried} (${Math.round(attack.tried / seconds)} a second), ${attack.refused} refused by the kernel`,
    `  held by the attacker       ${attack.mostHeld} at most; greeted ${attack.greeted}, turned away ${attack.turnedAway}`,
    `  held by the server         ${found.mostStrangers} sessions at most that were not authenticated`,
    `  logins tried               ${attack.logins}, refused ${attack.failed}`,
    `  memory of the server       ${found.beforeMiB} MiB before, ${found.peakMiB} MiB at most`,
    `  CPU of the server          ${found.cpu.toFixed(2)} s a second`,
    `  STATUS? in a good session  before: ${delays(before.status)}`,
    `                             during: ${delays(during.status)}`,
    `  a right HELLO              before: ${delays(before.hello)}`,
    `                             during: ${delays(during.hello)}, ${during.helloRefused} refused`,
    `  ping through the Handler   before: ${ping(before.ping)}`,
    `                             during: ${ping(during.ping)}`,
  ].join('\n');
}
