// runner: waits
/** What happens to the files of a log while a server writes to them, and none of it was the server's doing. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';
import { RealServer } from '../../log/real/server.ts';
import { inOwnMounts } from './own-mounts.ts';

await ensurePrivileges();

const HANDLE = 'HANDLE tcp://127.0.0.1:9 password:far tap:behind0 tap:far0 HOST PROXY 52:54:00:00:00:01';

function play(): void {
  const test = suite('behind the back of the log');
  const folder = fs.mkdtempSync(join(tmpdir(), 'vnet-behind-'));
  const running: RealServer[] = [];

  const mounts: string[] = [];

  test.after.each(async () => {
    for (const each of running.splice(0)) await each.crash();
    for (const each of mounts.splice(0)) execFileSync('umount', [each]);
  });
  test.after(() => fs.rmSync(folder, { recursive: true, force: true }));

  const logState = async (server: RealServer): Promise<string> => {
    const session = await server.session();
    const status = await session.ask('STATUS?');
    session.end();
    return status.find((line) => line.startsWith('STATUS log_state')) ?? '';
  };
  const waitForState = (server: RealServer, wanted: RegExp) =>
    waitUntil(
      async () => {
        const state = await logState(server);
        if (wanted.test(state)) return true;
        throw new Error(state);
      },
      { what: `log_state ${wanted}` },
    );

  test('the disk below its directory goes: 507, HELLO goes on, and SIGTERM ends it', async () => {
    const back = join(folder, 'back');
    const mount = join(folder, 'mount');
    for (const each of [back, mount]) fs.mkdirSync(each);
    execFileSync('mount', ['--bind', back, mount]);
    mounts.push(mount);
    const server = new RealServer(join(folder, 'gone'), join(mount, 'log'));
    running.push(server);
    await server.start();
    fs.rmSync(back, { recursive: true });
    await waitForState(server, /failing: ENOENT: .* takes no new directories/);
    assert.match((await server.ask(HANDLE))[0] ?? '', /^ERR 507 log-unavailable /);
    assert.match((await server.ask('HANDLERS?'))[0] ?? '', /^OK/);
    assert.is(await server.stop(), 0, server.program?.tail());
    assert.not.match(server.program?.stderr ?? '', /fault of the program/);
    assert.match(server.program?.stderr ?? '', /"level":"error".*the log is not on the disk/);
  });

  test.run();
}

if (inOwnMounts(import.meta.url)) play();
