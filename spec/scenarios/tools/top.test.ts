// runner: waits
/** `vnet top` as somebody at a terminal has it: tmux is the terminal. */
import { execFileSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { farRemote, newLab, newServers } from '../../../tools/bench/variants.ts';
import { missingCommands } from '../../../tools/lab/lab.ts';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { SECRET, vnet } from '../../../tools/lab/server.ts';
import { ping } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

await ensurePrivileges();

const test = suite('vnet top at a terminal');

if (missingCommands(['tmux']).length > 0) {
  process.stdout.write('skipped: vnet top at a terminal (tmux is not installed)\n');
  test.skip('needs tmux');
} else {
  test(
    'shows Handlers, obeys keys, goes on without a server that went away and takes it up again, and leaves the terminal as it was',
    shows,
  );
}

async function shows(): Promise<void> {
  const lab = await newLab();
  const socket = `${lab.folder}/tmux`;
  const tmux = (...args: readonly string[]) =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { encoding: 'utf8' });
  try {
    const [near, far] = await newServers(lab, 'tcp');
    const id = await near.handle(`${farRemote(far, 'tcp', SECRET)} tap:tap0 tap:tap0 BRIDGE BRIDGE *`);
    await lab.ip('near', 'address add 10.88.0.1/24 dev tap0');
    await lab.ip('far', 'address add 10.88.0.2/24 dev tap0');
    const command = lab.inside('near', [
      'env',
      `VNET_PASSWORD=${SECRET}`,
      ...vnet('top', '--server', 'tcp://127.0.0.1:7412', '--server', far.options.listen),
      '--allow-plaintext',
    ]);
    tmux(
      'new-session',
      '-d',
      '-x',
      '140',
      '-y',
      '30',
      ...['sh', '-c', `${command.map((word) => `'${word}'`).join(' ')}; echo "ended $?"; sleep 60`],
    );
    const screen = () => tmux('capture-pane', '-p');
    const see = (what: RegExp) =>
      waitUntil(() => what.test(screen()), {
        what: `${what} on the page`,
        every: 100,
        deadline: 20_000,
      }).catch((error: Error) => {
        throw new Error(`${error.message}\n${screen()}`);
      });
    await see(new RegExp(`${id.slice(0, 8)}  binary  tap:tap0`));
    await waitUntil(
      async () => {
        await ping(lab, 'near', '10.88.0.2', { count: 3, wait: 2 });
        return /TX [\d.]+ (k?bit\/s)/.test(screen()) && !/TX 0 bit\/s/.test(screen());
      },
      { what: 'a rate', deadline: 20_000 },
    );
    await see(/wire 0: round trip/);
    tmux('send-keys', 'r');
    await see(/by RX/);
    tmux('send-keys', '/', 'n', 'o', 'n', 'e', 'Enter');
    await see(/0 of 2 Handlers/);
    tmux('send-keys', 'Escape');
    await see(/^2 Handlers, 2 binary/m);
    tmux('resize-window', '-x', '60', '-y', '12');
    await see(/q quit/);
    await near.stop();
    await see(/went away|ended the connection|closed/);
    await see(/^1 Handlers, 0 binary/m);
    await near.start();
    await see(/^2 Handlers, 2 binary/m);
    tmux('send-keys', 'q');
    await see(/^ended 0$/m);
    assert.not.match(screen(), /HANDLER +STATE/, 'the page is gone');
  } finally {
    try {
      tmux('kill-server');
    } finally {
      lab.close();
    }
  }
}

test.run();
