/**
 * One end of a link for tests with a long line: `wire-end.ts listen URL` or `wire-end.ts dial URL`. Each end sends small
 * pieces one after the other, as a VM's keystrokes are; the other one counts at how many moments they came.
 */
import { congestionFor, kernelSockets } from '../../../io/net/kernel-sockets.ts';
import { realNetwork } from '../../../io/net/network.ts';
import type { Link } from '../../../io/ports.ts';
import { fresh, PLAIN } from '../../unit/net/pairs.ts';

const PIECES = 20;
const EVERY_MS = 10;
const END = '!';

const fail = (why: Error) => {
  throw why;
};
const kernel = kernelSockets({
  congestion: congestionFor(undefined, 5_000),
  unbounded: fail,
  refused: fail,
});

function send(link: Link): void {
  let sent = 0;
  const timer = setInterval(() => {
    link.write(Buffer.from(sent < PIECES ? '.' : END));
    if (sent++ < PIECES) return;
    clearInterval(timer);
  }, EVERY_MS);
}

/** Counts the moments at which something came, until the end mark. TLS hands each of its records over by itself. */
function receive(link: Link, whole: () => void): void {
  let reads = 0;
  let last = 0;
  link.attach({
    data(chunk) {
      const now = performance.now();
      if (now - last > EVERY_MS / 4) reads++;
      last = now;
      if (!chunk.toString().endsWith(END)) return;
      console.log(`READS ${reads}`);
      whole();
    },
    drain: () => {},
    end: () => link.destroy(),
    closed: () => {},
  });
}

const [role, url = ''] = process.argv.slice(2);
if (role === 'listen') {
  const { material, fingerprint } = await fresh('far');
  const listener = await realNetwork({ kernel, tls: () => material }).listen(url, (link) =>
    receive(link, () => send(link)),
  );
  console.log(`READY ${listener.url} ${fingerprint}`);
} else {
  const began = performance.now();
  const [, pin] = process.argv.slice(3);
  const link = await realNetwork({ kernel }).dial(url, pin === undefined ? PLAIN : { ...PLAIN, pin });
  console.log(`DIALLED ${Math.round(performance.now() - began)} ${link.peer}`);
  receive(link, () => link.end());
  send(link);
}
