import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { serve } from './ready.ts';

const ROUNDS = 20_000;

/** One client, one line at a time: from its write to the answer in its hands, over a unix socket. */
export async function answer(dir: string, say: (text: string) => void): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, 'answer.sock');
  const server = serve(join(dir, 'log'), path);
  try {
    await server.waitFor(/^READY /m, 60_000);
    const times = (await ask(path)).sort((a, b) => a - b);
    const at = (share: number) => Math.round(times[Math.floor(times.length * share)] ?? 0);
    say(`answer: median ${at(0.5)} µs, 90 % ${at(0.9)} µs, 99 % ${at(0.99)} µs, ${ROUNDS} lines`);
  } finally {
    await server.stop();
  }
}

/** A line that is refused: one transition, one record, one line of answer. */
function ask(path: string): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const times: number[] = [];
    let sent = 0;
    let text = '';
    const say = (line: string) => {
      sent = performance.now();
      socket.write(`${line}\n`);
    };
    socket.setEncoding('latin1').on('error', reject);
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (!text.endsWith('\n')) return;
      const first = text.startsWith('OK VNET/1');
      text = '';
      if (first) return say('HELLO local');
      times.push((performance.now() - sent) * 1000);
      if (times.length <= ROUNDS) return say('NONSENSE');
      socket.end();
      resolve(times.slice(1));
    });
  });
}
