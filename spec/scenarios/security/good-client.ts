/**
 * A client as it should be: `good-client.ts HOST PORT SECONDS SECRET`. Asks STATUS? fifty times a second in one session, logs
 * in anew again and again in others, ten times at least, and prints one line of JSON: what it had to wait, in milliseconds.
 */
import { connect } from 'node:net';
import { pause, waitUntil } from '../../../tools/lab/wait.ts';

const [host = '', port = '', seconds = '0', secret = ''] = process.argv.slice(2);
const LAST = /^(OK|ERR)\b.*\n/m;

class Session {
  #text = '';
  readonly #socket = connect({ host, port: Number(port), noDelay: true });

  constructor() {
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

async function login(): Promise<Session | undefined> {
  const session = new Session();
  if (!(await session.answer()).startsWith('OK')) return undefined;
  session.say(`HELLO password ${secret}`);
  return (await session.answer()).startsWith('OK') ? session : undefined;
}

const LEAST_LOGINS = 10;
const end = performance.now() + Number(seconds) * 1000;
const deadline = end + 60_000;
let loggingIn = true;
const status: number[] = [];
const hello: number[] = [];
let helloRefused = 0;
let mostStrangers = 0;

async function askOn(session: Session): Promise<void> {
  while (loggingIn || performance.now() < end) {
    const since = performance.now();
    session.say('STATUS?');
    const text = await session.answer();
    status.push(performance.now() - since);
    mostStrangers = Math.max(mostStrangers, Number(/sessions_unauthenticated (\d+)/.exec(text)?.[1]));
    await pause(20);
  }
}

async function logInAgain(): Promise<void> {
  while (performance.now() < end || (hello.length < LEAST_LOGINS && performance.now() < deadline)) {
    const since = performance.now();
    const session = await login();
    if (session === undefined) helloRefused++;
    else hello.push(performance.now() - since);
    session?.end();
    await pause(100);
  }
  loggingIn = false;
}

let session = await login();
while (session === undefined && performance.now() < deadline) session = await login();
if (session === undefined) throw new Error('no right HELLO was taken');
await Promise.all([askOn(session), logInAgain()]);
process.stdout.write(
  `${JSON.stringify({ status: delays(status), hello: delays(hello), helloRefused, mostStrangers })}\n`,
);
process.exit(0);
