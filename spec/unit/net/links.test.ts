import { join } from 'node:path';
import { congestionFor, kernelSockets } from '../../../io/net/kernel-sockets.ts';
import type { KernelSocket } from '../../../io/net/socket-link.ts';
import { linkSuite } from '../../suites/link.ts';
import { connected, fresh, PLAIN, scratch } from './pairs.ts';

// Before the first suite: uvu runs what is there when the module first waits.
const { material, fingerprint } = await fresh('server');

/** The dialled end is looked at, then the accepted one. */
function turned<T extends { near: unknown; far: unknown }>(pair: T): T {
  return { ...pair, near: pair.far, far: pair.near };
}

linkSuite('tcp, IPv4, dialled', () => connected('tcp://127.0.0.1:0'));
linkSuite('tcp, IPv6, accepted', async () => turned(await connected('tcp://[::1]:0')));

const dir = scratch();

// As a server has them: writes go to the kernel past Node as long as it takes them.
const fail = (why: Error) => {
  throw why; // none of these links may come to it
};
const kernel = kernelSockets({ congestion: congestionFor('default', 0), unbounded: fail, refused: fail });
const fast = { kernel };
const fastTcp = () => connected('tcp://127.0.0.1:0', fast, PLAIN, fast);
linkSuite('tcp past Node, dialled', fastTcp);
linkSuite('tcp past Node, accepted', async () => turned(await fastTcp()));
/** A kernel that takes each write by halves, and every third one not at all. */
let writes = 0;
const stingy = {
  kernel: (fd: number): KernelSocket => {
    const { sendNow, ...rest } = kernel(fd);
    const half = (bytes: Uint8Array) => bytes.subarray(0, Math.ceil(bytes.length / 2));
    return { ...rest, sendNow: (bytes, more) => (writes++ % 3 === 0 ? 0 : sendNow(half(bytes), more)) };
  },
};
linkSuite('tcp past a stingy kernel', () => connected('tcp://127.0.0.1:0', stingy, PLAIN, stingy));

let count = 0;
const unix = () => connected(`unix://${join(dir, `s${count++}`)}`, fast, PLAIN, fast);
linkSuite('unix, dialled', unix);
linkSuite('unix, accepted', async () => turned(await unix()));

const tlsOptions = { tls: () => material, kernel };
const tls = () => connected('tls://127.0.0.1:0', tlsOptions, { ...PLAIN, pin: fingerprint }, fast);
linkSuite('tls, dialled', tls);
linkSuite('tls, accepted', async () => turned(await tls()));
