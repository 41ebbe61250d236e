// runner: waits
/** What happens to the files of a log while a server writes to them, and none of it was the server's doing. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { runCommand } from '../../../tools/lab/program.ts';
import { VNET, vnet } from '../../../tools/lab/server.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';
import { RealServer } from '../../log/real/server.ts';
import { tapSuite } from '../tap-suite.ts';
import { inOwnMounts } from './own-mounts.ts';

await ensurePrivileges();

const HANDLE = 'HANDLE tcp://127.0.0.1:9 password:far tap:behind0 tap:far0 HOST PROXY 52:54:00:00:00:01';

function play(): void {
  const test = tapSuite('behind the back of the log');
  const folder = fs.mkdtempSync(join(tmpdir(), 'vnet-behind-'));
  const running: RealServer[] = [];

  const mounts: string[] = [];
  let count = 0;

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

  const passwords = join(folder, 'passwords');
  const args = ['--listen', 'tcp://127.0.0.1:7402', '--password-file', passwords];
  test.before(() => {
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    const hash = execFileSync(process.execPath, [VNET, 'passwd'], { input: 'far' });
    fs.writeFileSync(passwords, hash, { mode: 0o600 });
  });

  /** A Handler from the server to itself, of which a later start has to know. @returns its id */
  const open = async (server: RealServer): Promise<string> => {
    await server.start({ args });
    const taps = `tap:a${count} tap:b${count}`;
    const [handled = ''] = await server.ask(
      `HANDLE tcp://127.0.0.1:7402 password:far ${taps} HOST PROXY 52:54:00:00:00:01`,
    );
    assert.match(handled, /^OK handler=/);
    return handled.slice('OK handler='.length);
  };
  const again = async (server: RealServer, handler: string): Promise<void> => {
    await server.start({ args });
    assert.ok(server.program?.running, server.program?.tail());
    const session = await server.session();
    assert.match(
      (await session.ask('HANDLERS?')).join('\n'),
      new RegExp(`HANDLER ${handler} .*side=initiator`),
    );
    session.end();
  };
  const first = (server: RealServer) => join(server.log, '00000001.ndjson');
  const middle = (file: string): void => {
    const fd = fs.openSync(file, 'r+');
    const at = Math.floor(fs.fstatSync(fd).size / 2);
    fs.writeSync(fd, '\0', at);
    fs.closeSync(fd);
  };

  const CHANGES: readonly (readonly [string, (file: string) => void])[] = [
    [
      'copied and truncated, as logrotate does',
      (file) => {
        fs.copyFileSync(file, `${file}.1`);
        fs.truncateSync(file, 0);
      },
    ],
    ['truncated in the middle of a line', (file) => fs.truncateSync(file, 1000)],
    ['made longer', (file) => fs.appendFileSync(file, 'what is this?\n')],
    ['written over in its middle', middle],
    [
      'written over by an older copy',
      (file) => fs.writeFileSync(file, fs.readFileSync(file).subarray(0, 500)),
    ],
  ];
  for (const [index, [what, change]] of CHANGES.entries()) {
    const once = index === 0;
    test(`the open segment, ${what}: told of, a new one, and the next start knows all`, async () => {
      const server = new RealServer(join(folder, `changed${++count}`));
      running.push(server);
      const handler = await open(server);
      change(first(server));
      if (once) fs.truncateSync(join(server.log, 'secrets.json'));
      // Found out when something is written, and also while nothing happens.
      if (!once) await server.ask('HELP?');
      await waitUntil(() => server.segments().length === 2, { what: 'a new segment' });
      assert.match(await logState(server), /^STATUS log_state "ok, but 00000001\.ndjson /);
      assert.match(server.program?.stderr ?? '', /"level":"error".*00000001\.ndjson .*somebody else/);
      if (once)
        await waitUntil(() => fs.statSync(join(server.log, 'secrets.json')).size > 0, {
          what: 'the secrets',
        });
      await server.crash();
      await again(server, handler);
      if (once) {
        assert.is((await server.replay()).status, 2, 'what is lost is not hidden');
        assert.is(await server.stop(), 0);
        const repaired = await runCommand(vnet('log', 'repair', server.log, '--yes'));
        assert.match(repaired.stdout, /Repaired/);
        assert.is((await server.replay()).status, 0);
        await again(server, handler);
      }
      assert.match((await server.ask(`CLOSE ${handler}`))[0] ?? '', /^OK/);
      assert.is(await server.stop(), 0);
    });
  }

  for (const [what, put] of [
    ['an empty file', (file: string) => fs.writeFileSync(file, '')],
    ['an older copy', (file: string) => fs.copyFileSync(`${file}.1`, file)],
    ['a directory', (file: string) => fs.mkdirSync(file)],
  ] as const) {
    test(`the open segment moved away, with ${what} in its place: written again whole`, async () => {
      const server = new RealServer(join(folder, `moved${++count}`));
      running.push(server);
      const handler = await open(server);
      fs.renameSync(first(server), `${first(server)}.1`);
      put(first(server));
      await waitUntil(() => server.records().some(({ event }) => event.type === 'restored'), {
        what: 'restored',
      });
      assert.match(await logState(server), /^STATUS log_state ok$/);
      await server.crash();
      await again(server, handler);
      assert.is((await server.replay()).status, 0);
      assert.match((await server.ask(`CLOSE ${handler}`))[0] ?? '', /^OK/);
      assert.is(await server.stop(), 0);
      assert.not.match(server.program?.stderr ?? '', /fault of the program/);
    });
  }

  test('a segment that is missing in the middle is told of while running, and its return too', async () => {
    const server = new RealServer(join(folder, 'missing'));
    running.push(server);
    await server.start({ args: ['--log-segment-bytes', '4096'] });
    while (server.segments().length < 4) await server.ask(...Array<string>(20).fill('HELP?'));
    const second = join(server.log, '00000002.ndjson');
    fs.renameSync(second, `${second}.away`);
    await waitForState(server, /"ok, but 00000002\.ndjson is missing/);
    assert.match(server.program?.stderr ?? '', /"level":"error".*00000002\.ndjson is missing/);
    fs.renameSync(`${second}.away`, second);
    await waitForState(server, /log_state ok$/);
    assert.is(await server.stop(), 0);
    assert.is((await server.replay()).status, 0);
  });

  test.run();
}

if (inOwnMounts(import.meta.url)) play();
