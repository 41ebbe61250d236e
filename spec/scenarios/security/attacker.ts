/**
 * Plays many clients that mean no good: `attacker.ts HOST TCP_PORT TLS_PORT CONNECTIONS MIX PAUSE ADDRESS…`,
 * each ADDRESS one of this machine to come from. What the server closes comes again after PAUSE milliseconds, more or
 * less. Ends with its standard input, and prints one line of JSON then.
 *
 * MIX `all`: of each ten connections four say nothing, two send one byte of a line now and then, one sends a line
 * without end, two begin a TLS handshake and stop, and one says HELLO with wrong passwords. MIX `login`: all do that.
 */
import { connect, type Socket } from 'node:net';

const [host = '', tcp = '', tls = '', wanted = '0', mix = 'all', pause = '0', ...addresses] =
  process.argv.slice(2);

const KINDS = [
  ...['silent', 'silent', 'silent', 'silent'],
  ...['slow', 'slow', 'endless', 'handshake', 'handshake', 'login'],
] as const;
type Kind = (typeof KINDS)[number];

const CLIENT_HELLO = Buffer.from('1603010200010001fc0303', 'hex');
const ENDLESS = Buffer.alloc(65_536, 'x');

const counts = {
  tried: 0,
  refused: 0,
  held: 0,
  mostHeld: 0,
  greeted: 0,
  turnedAway: 0,
  logins: 0,
  failed: 0,
};
let over = false;

function begin(kind: Kind, address: string): void {
  if (over) return;
  counts.tried++;
  const port = Number(kind === 'handshake' ? tls : tcp);
  const socket = connect({ host, port, localAddress: address });
  let up = false;
  socket.once('connect', () => {
    up = true;
    counts.held++;
    counts.mostHeld = Math.max(counts.mostHeld, counts.held);
    behave(kind, socket);
  });
  socket.on('data', (data) => hear(data.toString(), kind, socket));
  socket.on('error', () => undefined);
  socket.once('close', () => {
    if (up) counts.held--;
    else counts.refused++;
    setTimeout(() => begin(kind, address), Number(pause) * (0.5 + Math.random()));
  });
}

function behave(kind: Kind, socket: Socket): void {
  if (kind === 'slow') {
    const timer = setInterval(() => socket.write('H'), 1000);
    socket.once('close', () => clearInterval(timer));
  } else if (kind === 'endless') {
    const timer = setInterval(() => {
      if (socket.writableLength < ENDLESS.length) socket.write(ENDLESS);
    }, 50);
    socket.once('close', () => clearInterval(timer));
  } else if (kind === 'handshake') {
    socket.write(CLIENT_HELLO);
  }
}

function hear(text: string, kind: Kind, socket: Socket): void {
  for (const line of text.split('\n')) {
    if (line.startsWith('OK VNET')) counts.greeted++;
    else if (line.startsWith('ERR 429')) counts.turnedAway++;
    else if (line.startsWith('ERR 403')) counts.failed++;
    if (kind !== 'login' || !/^(OK VNET|ERR 403)/.test(line)) continue;
    counts.logins++;
    socket.write(`HELLO password user${counts.logins % 50} wrong-${counts.logins}\n`);
  }
}

for (let i = 0; i < Number(wanted); i++) {
  const kind = mix === 'all' ? (KINDS[i % KINDS.length] ?? 'silent') : 'login';
  const address = addresses[Math.floor(i / KINDS.length) % addresses.length] ?? '';
  setTimeout(() => begin(kind, address), Math.random() * 1000);
}
process.stdin.resume().once('end', () => {
  over = true;
  process.stdout.write(`${JSON.stringify(counts)}\n`, () => process.exit(0));
});
