/** A real `vnet serve` process on loopback, in a folder of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keygen } from '../../../io/auth/certificates.ts';
import { formatPasswordLine } from '../../../io/auth/password-file.ts';
import { hashSecretSync } from '../../../io/auth/scrypt.ts';
import { Program } from '../../../tools/lab/program.ts';
import { vnet } from '../../../tools/lab/server.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

const CHEAP = { ln: 10, r: 8, p: 1 };

export class RealServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'vnet-real-'));
  program: Program | undefined;
  /** By scheme. */
  readonly ports = new Map<string, number>();

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, text: string): string {
    writeFileSync(this.path(name), text, { mode: 0o600 });
    return this.path(name);
  }

  passwords(secrets: Readonly<Record<string, string>>): string {
    const lines = Object.entries(secrets).map(
      ([identity, secret]) => `${formatPasswordLine(identity, hashSecretSync(secret, CHEAP))}\n`,
    );
    return this.write('passwords', lines.join(''));
  }

  /** A key and certificate; gives `sha256:…`. */
  async key(name: string): Promise<string> {
    return (await keygen(this.folder, name)).fingerprint;
  }

  /** Listens on tcp, tls (where there is a certificate) and unix, each on loopback. */
  async start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
    const tls = args.includes('--cert') ? ['--listen', 'tls://127.0.0.1:0'] : [];
    const listen = ['--listen', 'tcp://127.0.0.1:0', `unix://${this.path('socket')}`, ...tls];
    const command = vnet('serve', '--name', 'real', '--log', this.path('log'), ...listen, ...args);
    const { VNET_PASSWORD: _, ...surroundings } = process.env;
    this.program = new Program('vnet serve', command, { env: { ...surroundings, ...env }, cwd: this.folder });
    const [line] = await this.program.waitFor(/^READY .*$/m, 20_000);
    for (const [, scheme = '', port] of line.matchAll(/(tcp|tls):\/\/[^ ]*:(\d+)/g)) {
      this.ports.set(scheme, Number(port));
    }
  }

  /** Lines of its diagnostics so far. */
  get said(): readonly Record<string, unknown>[] {
    const lines = (this.program?.stderr ?? '').split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** SIGHUP, and waits until it has said what came of that. */
  async reload(): Promise<Record<string, unknown>> {
    const answers = () => this.said.filter(({ msg }) => /^(not )?read again/.test(String(msg)));
    const before = answers().length;
    this.program?.signal('SIGHUP');
    return waitUntil(() => answers()[before], { what: 'an answer to SIGHUP' });
  }

  async talk(scheme: 'tcp' | 'unix' = 'tcp'): Promise<Talk> {
    const where =
      scheme === 'tcp'
        ? { host: '127.0.0.1', port: this.ports.get('tcp') ?? 0 }
        : { path: this.path('socket') };
    const talk = new Talk(connect(where));
    await talk.line();
    return talk;
  }

  async close(): Promise<void> {
    const status = await this.program?.stop();
    rmSync(this.folder, { recursive: true, force: true });
    if (this.program !== undefined && status !== 0)
      throw new Error(`it ended with ${status}: ${this.program.tail()}`);
  }
}

/** One connection, line by line. */
export class Talk {
  #text = '';

  constructor(readonly socket: Socket) {
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
    });
    socket.on('error', () => undefined);
  }

  async line(): Promise<string> {
    return waitUntil(
      () => {
        const end = this.#text.indexOf('\n');
        if (end < 0) return undefined;
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      },
      { what: 'a line', every: 5 },
    );
  }

  /** The answer's data lines and its last line. */
  async ask(request: string): Promise<string[]> {
    this.socket.write(`${request}\n`);
    const lines: string[] = [];
    do lines.push(await this.line());
    while (!/^(OK|ERR)\b/.test(lines.at(-1) ?? ''));
    return lines;
  }

  async last(request: string): Promise<string> {
    return (await this.ask(request)).at(-1) ?? '';
  }
}
