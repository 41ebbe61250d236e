/**
 * A server under a flood from many addresses, and what good clients and a Handler notice of it.
 *
 *     vm ── left [        server         ] right ── lan        ping vm → lan: through a Handler of the server to itself
 *                [ tcp, tls 10.99.0.1    ] net ──┬── good      10.99.1.1
 *                                           br0 ─┴── attacker  10.99.2.1 … 10.99.2.N
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keygen } from '../../../io/auth/certificates.ts';
import { Lab } from '../../../tools/lab/lab.ts';
import type { Program } from '../../../tools/lab/program.ts';
import { SECRET, VnetServer } from '../../../tools/lab/server.ts';
import { ping } from '../../../tools/lab/traffic.ts';
import { pause } from '../../../tools/lab/wait.ts';

const ATTACKER = fileURLToPath(new URL('attacker.ts', import.meta.url));
const GOOD_CLIENT = fileURLToPath(new URL('good-client.ts', import.meta.url));
const VM = '52:54:00:00:00:50';
const SERVER = '10.99.0.1';

export interface FloodOptions {
  readonly connections: number;
  /** Least length of each attack; it goes on until good clients have logged in three times. */
  readonly seconds: number;
  /** Addresses that the attacker has. */
  readonly addresses: number;
  /** Milliseconds before a connection that was closed is made again. */
  readonly pause: number;
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
  /** From connect to the answer to a right HELLO. */
  readonly cert: Delays & { readonly refused: number };
  readonly password: Delays & { readonly refused: number };
  readonly ping: {
    readonly sent: number;
    readonly received: number;
    readonly p50: number;
    readonly most: number;
  };
}

/** One attack and what it did. */
export interface Phase {
  readonly mix: 'all' | 'login';
  readonly attack: Attack;
  readonly noticed: Noticed;
  /** How long it lasted. */
  readonly seconds: number;
  /** CPU seconds of the server for each second. */
  readonly cpu: number;
}

export interface Findings {
  readonly before: Noticed;
  /** Wrong logins, then everything at once. */
  readonly phases: readonly [Phase, Phase];
  /** Most that the server ever had in memory, in MiB, and what it had before the first attack. */
  readonly peakMiB: number;
  readonly beforeMiB: number;
  /** Most sessions that were not authenticated, of those STATUS? showed. */
  readonly mostStrangers: number;
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
    const { line } = await keygen(this.server.keys, 'good');
    writeFileSync(join(this.server.keys, 'authorized'), `${line}\n`, { mode: 0o600 });
    await this.server.start();
    await this.server.handle(`tcp://127.0.0.1:7412 password:${SECRET} left right HOST PROXY ${VM}`);
  }

  async run(options: FloodOptions): Promise<Findings> {
    const handler = await this.#handler();
    const before = await this.#notice(2, 1);
    const beforeMiB = this.#memory('VmRSS');
    // So few that none has to make room for another: each password is really checked.
    const logins = { ...options, connections: 48, addresses: 8, pause: 100 };
    const phases: Findings['phases'] = [
      await this.#attack('login', logins),
      await this.#attack('all', options),
    ];
    return {
      before,
      phases,
      beforeMiB,
      peakMiB: this.#memory('VmHWM'),
      mostStrangers: this.#mostStrangers,
      handler: { before: handler, after: await this.#handler() },
      replay: await this.#end(),
    };
  }

  close(): void {
    this.lab.close();
  }

  #mostStrangers = 0;

  async #attack(mix: Phase['mix'], options: FloodOptions): Promise<Phase> {
    const cpu = this.#cpuSeconds();
    const since = performance.now();
    const attacker = this.#attacker(mix, options);
    // Until it is in full swing.
    await pause(1_500);
    const noticed = await this.#notice(options.seconds, mix === 'login' ? 1 : 0);
    attacker.endInput();
    await attacker.ended;
    const seconds = (performance.now() - since) / 1000;
    const attack = JSON.parse(attacker.stdout) as Attack;
    return { mix, attack, noticed, seconds, cpu: (this.#cpuSeconds() - cpu) / seconds };
  }

  #attacker(mix: Phase['mix'], { connections, addresses, pause: between }: FloodOptions): Program {
    const from = Array.from({ length: addresses }, (_, i) => `10.99.2.${i + 1}`);
    const node = [process.execPath, '--import', import.meta.resolve('tsx'), ATTACKER];
    const what = [SERVER, '7411', '7443', String(connections), mix, String(between), ...from];
    return this.lab.spawn('attacker', [...node, ...what]);
  }

  /** @param passwords how many logins by password there have to be */
  async #notice(seconds: number, passwords: number): Promise<Noticed> {
    const node = [process.execPath, '--import', import.meta.resolve('tsx'), GOOD_CLIENT];
    const keys = ['crt', 'key'].map((kind) => join(this.server.keys, `good.${kind}`));
    const where = [SERVER, '7411', '7443', String(seconds), String(passwords)];
    const client = this.lab.spawn('good', [...node, ...where, ...keys, SECRET]);
    const count = Math.round(seconds * 20);
    const [pinged] = await Promise.all([
      ping(this.lab, 'vm', '192.168.50.2', { count, wait: 5 }),
      client.ended,
    ]);
    if (client.status !== 0) throw new Error(`the good client failed: ${client.tail()}`);
    const noticed = JSON.parse(client.stdout) as Omit<Noticed, 'ping'> & { mostStrangers: number };
    this.#mostStrangers = Math.max(this.#mostStrangers, noticed.mostStrangers);
    const times = [...pinged.output.matchAll(/time=([\d.]+) ms/g)]
      .map(([, ms]) => Number(ms))
      .sort((a, b) => a - b);
    return {
      ...noticed,
      ping: {
        sent: pinged.sent,
        received: pinged.received,
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
  const mixes = {
    all: `${connections} connections wanted at once from ${addresses} addresses: silent, slow and endless lines, half handshakes, logins`,
    login: 'wrong logins only, 48 at a time from 8 addresses',
  };
  return [
    'over all',
    `  held by the server         ${found.mostStrangers} sessions at most that were not authenticated`,
    `  memory of the server       ${found.beforeMiB} MiB before, ${found.peakMiB} MiB at most`,
    'before',
    ...delays(found.before),
    ...found.phases.flatMap(({ mix, attack, noticed, seconds, cpu }) => [
      `${mixes[mix]}: ${seconds.toFixed(0)} s`,
      `  connections made           ${attack.tried}; ${attack.mostHeld} held by the attacker at most`,
      `  of these                   ${attack.greeted} greeted, ${attack.turnedAway} told 429`,
      `  wrong logins               ${attack.logins} tried, ${attack.failed} checked and refused`,
      `  CPU of the server          ${cpu.toFixed(2)} s a second`,
      ...delays(noticed),
    ]),
  ].join('\n');
}

function delays({ status, cert, password, ping }: Noticed): string[] {
  const ms = (value: number | null) => (value ?? Number.NaN).toFixed(1);
  const text = ({ p50, p99, most, count }: Delays) =>
    `median ${ms(p50)}, 99 % ${ms(p99)}, most ${ms(most)} ms (${count})`;
  return [
    `  STATUS? in a good session  ${text(status)}`,
    `  connect and HELLO cert     ${text(cert)}, ${cert.refused} refused`,
    `  connect, HELLO password    ${text(password)}, ${password.refused} refused`,
    `  ping through the Handler   median ${ms(ping.p50)}, most ${ms(ping.most)} ms (${ping.received} of ${ping.sent})`,
  ];
}
