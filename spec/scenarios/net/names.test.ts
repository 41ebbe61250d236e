// runner: waits
/**
 * Host names, with a name server that never answers for some of them. All in a namespace of our own:
 *
 *     resolveHost() ── getaddrinfo ── /etc/hosts, /etc/resolv.conf (both our own) ── 127.0.0.1:53
 */
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { realNetwork } from '../../../io/net/network.ts';
import { resolveHost } from '../../../io/net/resolve.ts';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { until } from '../../suites/until.ts';
import { inOwnMounts } from '../log/own-mounts.ts';

await ensurePrivileges();

/** The name that a DNS question asks for (RFC 1035, section 4.1.2), and where the question ends. */
function question(message: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 5 };
}

/** 127.0.0.1 for an A question, nothing for any other one. */
function answer(message: Buffer, end: number): Buffer {
  const isA = message.readUInt16BE(end - 4) === 1;
  const head = Buffer.from(message.subarray(0, end));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(isA ? 1 : 0, 6);
  head.fill(0, 8, 12);
  const record = Buffer.from('c00c0001000100000001' + '0004' + '7f000001', 'hex');
  return isA ? Buffer.concat([head, record]) : head;
}

function play(): void {
  const test = suite('host names');
  const folder = mkdtempSync(join(tmpdir(), 'vnet-names-'));
  const server = createSocket('udp4');
  const asked: string[] = [];
  let light = true;

  test.before(async () => {
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    for (const [name, text] of [
      ['resolv.conf', 'nameserver 127.0.0.1\n'],
      ['hosts', '127.0.0.1 localhost\n192.0.2.7 known.test\n'],
      ['nsswitch.conf', 'hosts: files dns\n'],
    ] as const) {
      writeFileSync(join(folder, name), text);
      execFileSync('mount', ['--bind', join(folder, name), `/etc/${name}`]);
    }
    server.on('message', (message, from) => {
      const { name, end } = question(message);
      asked.push(name);
      if (!name.startsWith('dark') && light) server.send(answer(message, end), from.port, from.address);
    });
    server.bind(53, '127.0.0.1');
    await once(server, 'listening');
  });
  test.after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  test('names that nobody answers for hold no other one back, nor does a dial to them', async () => {
    const dials = Array.from({ length: 20 }, (_, i) => {
      const abort = new AbortController();
      const options = { signal: abort.signal, clientCertificate: false };
      const failed = realNetwork()
        .dial(`tcp://dark${i}.test:1`, options)
        .then(
          ({ peer }) => peer,
          (error: Error) => error.message,
        );
      return { abort, failed };
    });
    await until('all of them are asked for', () => new Set(asked).size >= 20);
    const began = performance.now();
    assert.equal(await resolveHost('light.test'), ['127.0.0.1']);
    assert.equal(await resolveHost('known.test'), ['192.0.2.7']);
    const took = performance.now() - began;
    assert.ok(took < 2_000, `${took} ms`);
    assert.not(asked.includes('known.test'));
    for (const { abort } of dials) abort.abort();
    for (const { failed } of dials) assert.match(await failed, 'was given up');
  });

  test('one look-up a name is under way, whoever asks', async () => {
    light = false;
    const all = Promise.all(Array.from({ length: 50 }, () => resolveHost('once.test')));
    const questions = () => asked.filter((name) => name === 'once.test').length;
    await until('it is asked for', () => questions() >= 2);
    assert.is(questions(), 2, 'A and AAAA');
    light = true;
    // The resolver asks again after 5 s.
    for (const found of await all) assert.equal(found, ['127.0.0.1']);
  });

  test('one who gives up leaves the others their look-up', async () => {
    const abort = new AbortController();
    light = false;
    const left = resolveHost('shared.test', abort.signal).catch((error: Error) => error.name);
    const stays = resolveHost('shared.test');
    await until('it is asked for', () => asked.includes('shared.test'));
    abort.abort();
    assert.is(await left, 'AbortError');
    light = true;
    assert.equal(await stays, ['127.0.0.1']);
  });

  test('a name that is none says so', async () => {
    server.removeAllListeners('message').on('message', (message, from) => {
      const reply = answer(message, question(message).end).subarray(0, question(message).end);
      reply.writeUInt16BE(0x8183, 2);
      reply.writeUInt16BE(0, 6);
      server.send(reply, from.port, from.address);
    });
    const error = await resolveHost('none.test').catch((why: NodeJS.ErrnoException) => why);
    assert.is((error as NodeJS.ErrnoException).code, 'ENOTFOUND');
  });

  test.run();
}

if (inOwnMounts(import.meta.url)) play();
