/** The thread that brings the log to the disk. */
import { spawnSync } from 'node:child_process';
import { scrypt } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Syncer } from '../../../io/journal/syncer.ts';

const test = suite('the syncer');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'vnet-sync-'));
const fd = fs.openSync(path.join(dir, 'log'), 'a');
test.after(() => {
  fs.closeSync(fd);
  fs.rmSync(dir, { recursive: true });
});

/** No process has so many descriptors. */
const NOBODYS = 0x7fff_ffff;

test('tells what fdatasync says, and to nobody else', async () => {
  const syncer = new Syncer();
  const told: string[] = [];
  const tell = (name: string) => () => void told.push(name);
  const outcomes = await Promise.allSettled([
    syncer.sync(fd).finally(tell('first')),
    syncer.sync(NOBODYS).finally(tell('second')),
    syncer.sync(fd).finally(tell('third')),
  ]);
  assert.equal(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.equal(told, ['first', 'second', 'third']);
  const { reason } = outcomes[1] as PromiseRejectedResult;
  assert.is(reason.message, 'EBADF: bad file descriptor, fdatasync');
  assert.is(reason.code, 'EBADF');
  await syncer.close();
});

test('does not wait in the pool that scrypt and DNS have', async () => {
  const syncer = new Syncer();
  let hashes = 0;
  const busy = Array.from(
    { length: 12 },
    () =>
      new Promise<void>((resolve) =>
        scrypt('secret', 'salt', 32, { N: 2 ** 15, maxmem: 64 << 20 }, () => {
          hashes++;
          resolve();
        }),
      ),
  );
  await syncer.sync(fd);
  assert.ok(hashes < busy.length, 'the pool has work left');
  await Promise.all(busy);
  await syncer.close();
});

test('is closed when what waits is done, and takes nothing more', async () => {
  const syncer = new Syncer();
  let done = false;
  const last = syncer.sync(fd).then(() => {
    done = true;
  });
  await syncer.close();
  assert.ok(done);
  await last;
  const refused = await syncer.sync(fd).catch((error: Error) => error.message);
  assert.is(refused, 'the log is closed');
});

test('a process with nothing else to do waits for it', () => {
  const code = `
    import { Syncer } from ${JSON.stringify(new URL('../../../io/journal/syncer.ts', import.meta.url).href)};
    new Syncer().sync(1).catch((error) => error.code).then((outcome) => process.stderr.write('done ' + outcome));`;
  const { stderr, status } = spawnSync(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', code],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  );
  // What a pipe has is nothing for the disk.
  assert.is(stderr, 'done EINVAL');
  assert.is(status, 0);
});

test.run();
