import { join } from 'node:path';
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
let count = 0;
const unix = () => connected(`unix://${join(dir, `s${count++}`)}`);
linkSuite('unix, dialled', unix);
linkSuite('unix, accepted', async () => turned(await unix()));

const tls = () => connected('tls://127.0.0.1:0', { tls: () => material }, { ...PLAIN, pin: fingerprint });
linkSuite('tls, dialled', tls);
linkSuite('tls, accepted', async () => turned(await tls()));
