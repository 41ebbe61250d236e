/**
 * One end of a stream of numbered datagrams, 10 ms apart: `stream-end.ts send ADDRESS PORT SECONDS` or
 * `stream-end.ts hear ADDRESS PORT`, which tells at SIGTERM what came: how many, which of them twice, which behind a later
 * one, and the longest silence between two.
 */
import { createSocket } from 'node:dgram';

const EVERY_MS = 10;
const [role, address = '', port = '0', seconds = '0'] = process.argv.slice(2);
const socket = createSocket('udp4');

if (role === 'hear') {
  const seen = new Set<number>();
  let twice = 0;
  let behind = 0;
  let highest = -1;
  let silence = 0;
  let last = performance.now();
  socket.on('message', (message) => {
    const now = performance.now();
    const number = message.readUInt32BE(0);
    if (seen.size > 0) silence = Math.max(silence, now - last);
    last = now;
    if (seen.has(number)) twice++;
    else if (number < highest) behind++;
    seen.add(number);
    highest = Math.max(highest, number);
  });
  socket.bind(Number(port), address, () => console.log('READY'));
  process.once('SIGTERM', () => {
    console.log(JSON.stringify({ came: seen.size, twice, behind, silence: Math.round(silence) }));
    process.exit(0);
  });
} else {
  const since = performance.now();
  let number = 0;
  const timer = setInterval(() => {
    const due = Math.floor((performance.now() - since) / EVERY_MS);
    for (; number < due; number++) {
      const message = Buffer.alloc(200);
      message.writeUInt32BE(number);
      socket.send(message, Number(port), address);
    }
    if (performance.now() - since < Number(seconds) * 1_000) return;
    clearInterval(timer);
    console.log(`SENT ${number}`);
    socket.close();
  }, EVERY_MS);
}
