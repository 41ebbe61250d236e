/**
 * A client as it should be: `good-client.ts HOST TCP_PORT TLS_PORT SECONDS PASSWORDS CERT KEY SECRET`. Asks STATUS? fifty
 * times a second in one session, logs in anew again and again in others, by certificate three times at least and by
 * password PASSWORDS times at least, and prints one line of JSON: what it had to wait, in milliseconds.
 */
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { pause, waitUntil } from '../../../tools/lab/wait.ts';

const [host = '', tcp = '', tls = '', seconds = '0', passwords = '0', cert = '', key = '', secret = ''] =
  process.argv.slice(2);
const PAIR = { cert: readFileSync(cert), key: readFileSync(key) };
const LAST = /^(OK|ERR)\b.*\n/m;
const LEAST_LOGINS = 3;

type Method = 'cert' | 'password';

class Session {
  #text = '';
  readonly #socket;

  constructor(method: Method) {
    this.#socket =
      method === 'cert'
        ? connectTls({ host, port: Number(tls), ...PAIR, rejectUnauthorized: false })
        : connectTcp({ host, port: Number(tcp) });
    this.#socket.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
    });
    this.#socket.on('error', () => undefined);
    this.#socket.once('close', () => {
      this.#text += 'ERR closed\n';
    });
  }

  /** The whole answer. */
  async answer(): Promise<string> {
    const text = await waitUntil(() => (LAST.test(this.#text) ? this.#text : undefined), {
      what: 'an answer',
      deadline: 60_000,
      every: 1,
    });
    this.#text = '';
    return text;
  }

  say(line: string): void {
    this.#socket.write(`${line}\n`);
  }

  end(): void {
    this.#socket.end();
  }
}

function delays(values: number[]) {
  const sorted = values.sort((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), most: at(1) };
}

async function login(method: Method): Promise<Session | undefined> {
  const session = new Session(method);
  if (!(await session.answer()).startsWith('OK')) return undefined;
  session.say(method === 'cert' ? 'HELLO cert' : `HELLO password ${secret}`);
  return (await session.answer()).startsWith('OK') ? session : undefined;
}

const end = performance.now() + Number(seconds) * 1000;
const deadline = end + 60_000;
const status: number[] = [];
const hellos = { cert: [] as number[], password: [] as number[] };
const refused = { cert: 0, password: 0 };
let mostStrangers = 0;
let over = false;

async function askOn(session: Session): Promise<void> {
  while (!over) {
    const since = performance.now();
    session.say('STATUS?');
    const text = await session.answer();
    status.push(performance.now() - since);
    mostStrangers = Math.max(mostStrangers, Number(/sessions_unauthenticated (\d+)/.exec(text)?.[1]));
    await pause(20);
  }
}

async function logInAgain(method: Method): Promise<void> {
  while (!over) {
    const since = performance.now();
    const session = await login(method);
    if (session === undefined) refused[method]++;
    else hellos[method].push(performance.now() - since);
    session?.end();
    await pause(100);
  }
}

async function watchTheTime(): Promise<void> {
  const enough = () => hellos.cert.length >= LEAST_LOGINS && hellos.password.length >= Number(passwords);
  while (performance.now() < end || (!enough() && performance.now() < deadline)) await pause(20);
  over = true;
}

let session = await login('cert');
while (session === undefined && performance.now() < deadline) session = await login('cert');
if (session === undefined) throw new Error('no right HELLO was taken');
// A login by password that is under way need not be waited for.
await Promise.all([
  askOn(session),
  logInAgain('cert'),
  Promise.race([logInAgain('password'), watchTheTime()]),
]);
const report = {
  status: delays(status),
  cert: { ...delays(hellos.cert), refused: refused.cert },
  password: { ...delays(hellos.password), refused: refused.password },
  mostStrangers,
};
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(0);
