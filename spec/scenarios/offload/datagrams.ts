/** UDP datagrams that an application sends many at a time (UDP_SEGMENT, as QUIC does), and what of them arrives. */
import type { Lab } from '../../../tools/lab/lab.ts';

/** SOL_UDP 17, UDP_SEGMENT 103 (linux/udp.h); IP_MTU_DISCOVER 10 with 0: without DF. */
const SENDER = `
import socket, sys, time
address, port, sends, size, count = sys.argv[1], *map(int, sys.argv[2:6])
family = socket.AF_INET6 if ':' in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
if len(sys.argv) > 6: s.setsockopt(socket.SOL_IP, 10, 0)
s.setsockopt(17, 103, size)
s.connect((address, port))
for n in range(sends):
    s.send(b''.join(bytes([n & 255]) * size for _ in range(count)))
    time.sleep(0.002)
`;

/** Ends when all are there, or when nothing came for a second. SO_RCVBUFFORCE is 33. */
const RECEIVER = `
import collections, json, socket, sys
port, wanted = map(int, sys.argv[1:3])
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)
s.bind(('::', port))
print('READY', flush=True)
lengths, spoilt = collections.Counter(), 0
s.settimeout(8)
try:
    while sum(lengths.values()) < wanted:
        data = s.recv(65536)
        s.settimeout(1)
        lengths[len(data)] += 1
        spoilt += data != data[:1] * len(data)
except TimeoutError: pass
print(json.dumps({'lengths': lengths, 'spoilt': spoilt}), flush=True)
`;

export interface Datagrams {
  readonly from: string;
  readonly to: string;
  readonly address: string;
  readonly sends: number;
  /** Bytes of each datagram, and how many of them at a time. */
  readonly size: number;
  readonly count: number;
  /** Without DF, as IPv4 sends what is longer than the MTU. */
  readonly fragmentable?: boolean;
}

export interface Received {
  /** How many datagrams of each length came. */
  readonly lengths: Readonly<Record<string, number>>;
  /** Those that were not of one piece. */
  readonly spoilt: number;
}

/** Sends them from one namespace to another. @throws Error when either end fails */
export async function sendDatagrams(lab: Lab, what: Datagrams): Promise<Received> {
  const { from, to, address, sends, size, count, fragmentable } = what;
  const port = '5300';
  const receiver = lab.spawn(to, ['python3', '-u', '-c', RECEIVER, port, String(sends * count)]);
  await receiver.waitFor(/^READY$/m);
  const numbers = [sends, size, count].map(String);
  const df = fragmentable === true ? ['no'] : [];
  await lab.run(from, ['python3', '-c', SENDER, address, port, ...numbers, ...df]);
  await receiver.waitFor(/\{.*\}\n/, 20_000);
  return JSON.parse(receiver.stdout.trim().split('\n').at(-1) ?? '') as Received;
}
