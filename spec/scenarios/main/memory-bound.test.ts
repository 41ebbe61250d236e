/**
 * Memory under load (docs/PERFORMANCE.md): a flood meets a wire that takes nothing, because the server at its other
 * end stands still (SIGSTOP), and what the near server keeps stays within the bound.
 *
 *     near: sender → tap0 ══ vnet near ══ TCP or TLS ══ vnet far (stopped) ══ tap0
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { memory } from '../../../tools/bench/processes.ts';
import { farRemote, newLab, newServers } from '../../../tools/bench/variants.ts';
import type { Lab } from '../../../tools/lab/lab.ts';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { SECRET, type VnetServer } from '../../../tools/lab/server.ts';
import { ping } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

await ensurePrivileges();

const MIB = 1 << 20;
/** One device and one Handler may keep that much (docs/PERFORMANCE.md), and V8's nursery grows to 16 MiB twice. */
const BOUND = (4 + 2) * MIB + 32 * MIB;
const FLOOD_BYTES = 1 << 30;

/** Sends small datagrams and super-frames (UDP_SEGMENT of udp(7)) in turns until so many bytes are gone. */
const FLOOD = `
import socket, sys
plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
large = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
large.setsockopt(17, 103, 1400)
plain.bind((sys.argv[2], 0)); large.bind((sys.argv[2], 0))
left = int(sys.argv[1])
while left > 0:
    for s, size in [(large, 60000)] * 4 + [(plain, 22)] * 16:
        try: left -= s.sendto(bytes(size), (sys.argv[3], 9))
        except OSError: pass
`;

for (const scheme of ['tcp', 'tls'] as const) {
  const test = suite(`memory of a server whose wire stands still, ${scheme}`);
  let lab: Lab;
  let near: VnetServer;
  let far: VnetServer;

  const flood = (bytes: number) =>
    lab.run('near', ['python3', '-c', FLOOD, String(bytes), '10.88.0.1', '10.88.0.2'], { timeout: 60_000 });
  const reached = async () => (await ping(lab, 'near', '10.88.0.2', { count: 1, wait: 1 })).received === 1;

  test.before(async () => {
    lab = await newLab();
    [near, far] = await newServers(lab, scheme);
    await near.handle(`${farRemote(far, scheme, SECRET)} tap:tap0 tap:tap0 BRIDGE BRIDGE *`);
    await lab.ip('near', 'address add 10.88.0.1/24 dev tap0');
    await lab.ip('far', 'address add 10.88.0.2/24 dev tap0');
    const { address } = await lab.link('far', 'tap0');
    // Nobody answers for it while the other end stands still.
    await lab.ip('near', `neighbour add 10.88.0.2 lladdr ${String(address)} dev tap0 nud permanent`);
    await waitUntil(reached, { what: 'the far end' });
  });
  test.after(() => lab?.close());

  test('stays within its bound, and the wire carries again afterwards', async () => {
    const pids = [near.program?.pid ?? 0];
    await flood(FLOOD_BYTES / 8);
    const before = memory(pids, 'VmRSS');
    const [handler] = await near.handlers();
    const seen = async () => (await near.stats(handler?.id ?? '')).tx_frames ?? 0;
    far.program?.signal('SIGSTOP');
    try {
      await flood(FLOOD_BYTES);
    } finally {
      far.program?.signal('SIGCONT');
    }
    assert.ok((await seen()) > 0);
    const grown = memory(pids, 'VmHWM') - before;
    assert.ok(grown < BOUND, `grew by ${(grown / MIB).toFixed(1)} MiB`);
    await waitUntil(reached, { what: 'the far end after the flood', deadline: 20_000 });
    await near.waitForHandlers(['binary']);
  });

  test.run();
}
