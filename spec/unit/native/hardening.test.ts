/** What the addon does when it is called in ways that it should not be, or told what is not true. */
import { spawnSync } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addon, OUTCOME } from '../../../io/device/addon.ts';
import { inOwnNamespace, ip } from '../../suites/own-namespace.ts';
import { until } from '../../suites/until.ts';

const EBADF = 9;
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A message of route netlink for interface `index`, with attributes as they are given. */
function newLink(index: number, attributes: Buffer, length = 32 + attributes.length): Buffer {
  const head = Buffer.alloc(32);
  head.writeUInt32LE(length, 0);
  head.writeUInt16LE(16, 4); // RTM_NEWLINK
  head.writeInt32LE(index, 20);
  return Buffer.concat([head, attributes]);
}

function attribute(type: number, value: Buffer, length = 4 + value.length): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(length, 0);
  head.writeUInt16LE(type, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

/** Sends an RTM_DELLINK of interface 1 to the netlink socket of a process. */
const FORGER = `
import socket, struct, sys
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
m = struct.pack('<IHHIIBBHiII', 32, 17, 0, 0, 0, 0, 0, 1, 1, 0, 0xffffffff)
s.sendto(m, (int(sys.argv[1]), 0))
`;

function tests(): void {
  const test = suite('addon: hardening');

  test('only the kernel is believed what it says of interfaces', async () => {
    const outcome = new Int32Array(OUTCOME.length);
    const room = Buffer.alloc(4096);
    const seen: string[] = [];
    const monitor = new (addon().LinkMonitor)(outcome, () => {
      monitor.read(room, 0, room.length);
      for (let at = 0; at < outcome[OUTCOME.end]!; at += 16) {
        seen.push(`${room.readInt32LE(at)} ${room.readInt32LE(at + 4)}`);
      }
    });
    monitor.poll(true);
    // The first netlink socket of a process has its id as address.
    const forged = spawnSync('python3', ['-c', FORGER, String(process.pid)], { encoding: 'utf8' });
    assert.is(forged.status, 0, forged.stderr);
    ip('link set lo mtu 60000');
    await until('the change', () => seen.length > 0);
    assert.equal([...new Set(seen)], ['1 1']);
    monitor.close();
  });

  test('calls behind the close do nothing, and say so where the outcome is read', () => {
    const outcome = new Int32Array(OUTCOME.length);
    const port = new (addon().LinkMonitor)(outcome, () => undefined);
    port.close();
    port.close();
    const room = Buffer.alloc(4096);
    port.read(room, 7, room.length);
    assert.is(outcome[OUTCOME.state], -EBADF);
    assert.is(outcome[OUTCOME.end], 7);
    outcome.fill(5);
    port.write(room, 0, 0);
    assert.is(outcome[OUTCOME.written], 0);
    port.poll(true);
    port.setMtu(1500);
  });

  test('an outcome that nobody else holds any more stays until its port goes', () => {
    // What is used behind its end only the sanitizers see: spec/scenarios/io/sanitized.test.ts runs this with them.
    const room = Buffer.alloc(4096);
    for (const closed of [false, true]) {
      const ports = Array.from({ length: 20 }, () => {
        const { LinkMonitor } = addon();
        return new LinkMonitor(new Int32Array(OUTCOME.length), () => undefined);
      });
      for (const port of ports) if (closed) port.close();
      collectGarbage();
      for (const port of ports) {
        port.read(room, 0, room.length);
        port.write(room, 0, 0);
        port.close();
      }
    }
  });

  test('memory that was given away is not written to', () => {
    for (const closed of [false, true]) {
      const outcome = new Int32Array(OUTCOME.length);
      const port = new (addon().LinkMonitor)(outcome, () => undefined);
      if (closed) port.close();
      const taken = new Int32Array(structuredClone(outcome.buffer, { transfer: [outcome.buffer] }));
      const room = Buffer.alloc(4096);
      assert.throws(() => port.read(room, 0, room.length), /no memory any more/);
      assert.throws(() => port.write(room, 0, 0), /no memory any more/);
      assert.ok(taken.every((word) => word === 0));
      structuredClone(room.buffer, { transfer: [room.buffer] });
      assert.throws(() => port.read(room, 0, 4096), /limit <= buffer.length/);
      port.close();
    }
  });

  test('a damaged datagram of netlink is read as far as it goes', () => {
    const name = attribute(3, Buffer.from('eth0\0'));
    const good = newLink(7, name);
    const read = (bytes: Buffer) =>
      addon()
        .readLinks(bytes)
        .map(({ ifindex, name }) => `${ifindex} ${name}`);
    assert.equal(read(Buffer.concat([good, newLink(8, name)])), ['7 eth0', '8 eth0']);
    // The last message is not padded to four bytes: to count its padding off would be to count below zero.
    assert.equal(read(newLink(7, name.subarray(0, 9))), ['7 eth0']);
    assert.equal(read(Buffer.concat([good, newLink(8, name, 1000)])), ['7 eth0']);
    assert.equal(read(newLink(7, name, 3)), []);
    assert.equal(read(newLink(7, attribute(3, Buffer.from('eth0'), 400))), ['7 ']);
    assert.equal(read(newLink(7, attribute(3, Buffer.from('eth0'), 0))), ['7 ']);
    assert.equal(read(good.subarray(0, 20)), []);
    const error = Buffer.alloc(36);
    error.writeUInt32LE(36, 0);
    error.writeUInt16LE(2, 4); // NLMSG_ERROR
    error.writeUInt16LE(0x200, 6); // NLM_F_ACK_TLVS
    for (const inner of [0, 1, 15, 16, 36, 0x7fffffff, 0xffffffff]) {
      error.writeUInt32LE(inner, 20);
      assert.equal(read(error), []);
    }
  });

  test.run();
}

if (inOwnNamespace(import.meta.url)) tests();
