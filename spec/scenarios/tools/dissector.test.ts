/** The dissector for Wireshark over a recorded session: text, the switch, records, and the frames within. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { farRemote, newLab, newServers } from '../../../tools/bench/variants.ts';
import { missingCommands } from '../../../tools/lab/lab.ts';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { SECRET } from '../../../tools/lab/server.ts';
import { waitForPing } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

await ensurePrivileges();

const SCRIPT = fileURLToPath(new URL('../../../docs/wireshark/vnet.lua', import.meta.url));
const test = suite('the dissector for Wireshark');

if (missingCommands(['tshark', 'tcpdump']).length > 0) {
  process.stdout.write('skipped: the dissector for Wireshark (tshark or tcpdump is not installed)\n');
  test.skip('needs tshark');
} else {
  test('shows lines, the switch, records, super-frames and the frames in them', dissects);
}

async function dissects(): Promise<void> {
  const lab = await newLab();
  try {
    const [near, far] = await newServers(lab, 'tcp');
    const file = join(lab.folder, 'session.pcap');
    const tcpdump = lab.spawn('near', [
      'tcpdump',
      '-U',
      '--immediate-mode',
      '-B',
      '32768',
      '-i',
      'ul0',
      '-w',
      file,
      'tcp port 7411',
    ]);
    await waitUntil(() => tcpdump.stderr.includes('listening on'), { what: 'tcpdump' });
    const id = await near.handle(`${farRemote(far, 'tcp', SECRET)} tap:tap0 tap:tap0 BRIDGE BRIDGE *`);
    await lab.ip('near', 'address add 10.88.0.1/24 dev tap0');
    await lab.ip('far', 'address add 10.88.0.2/24 dev tap0');
    await waitForPing(lab, 'near', '10.88.0.2');
    // Super-frames: much data in few packets.
    lab.spawn('far', ['sh', '-c', 'nc -l -p 9 >/dev/null']);
    await waitUntil(
      async () =>
        (
          await lab.run('near', ['sh', '-c', 'head -c 1000000 /dev/zero | nc -N -w 2 10.88.0.2 9'], {
            anyStatus: true,
          })
        ).status === 0,
      { what: 'the transfer' },
    );
    await near.must(`CLOSE ${id}`);
    await waitUntil(() => readFileSync(file).includes('\x04\0\0\x06closed', 0, 'latin1'), {
      what: 'BYE in the file',
    });
    await tcpdump.stop(5_000);
    const fields = [
      'vnet.line',
      'vnet.switch',
      'vnet.type',
      'vnet.handler',
      'vnet.reason',
      'vnet.virtio.gso_size',
      'icmp.type',
      '_ws.malformed',
      'vnet.malformed',
      '_ws.col.Info',
    ];
    const shown = execFileSync(
      'tshark',
      [
        '-X',
        `lua_script:${SCRIPT}`,
        '-r',
        file,
        '-Y',
        'vnet',
        '-T',
        'fields',
        '-E',
        'aggregator=;',
        ...fields.flatMap((field) => ['-e', field]),
      ],
      { encoding: 'utf8', maxBuffer: 64 << 20, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const rows = shown
      .trimEnd()
      .split('\n')
      .map((row) => row.split('\t'));
    const all = (field: string) =>
      rows.flatMap((row) => (row[fields.indexOf(field)] ?? '').split(';')).filter(Boolean);
    const lines = all('vnet.line');
    assert.match(lines[0] ?? '', /^OK VNET\/1 server=far auth=password/, shown.slice(0, 2_000));
    assert.ok(lines.includes('HELLO password …'), lines.join('\n'));
    assert.ok(
      lines.some((line) => line.startsWith(`BEGIN ${id} tap:tap0 tap:tap0 BRIDGE BRIDGE * offload=on`)),
    );
    assert.is(all('vnet.switch').length, 1);
    const types = new Set(all('vnet.type'));
    for (const type of ['0x00', '0x01', '0x02', '0x03', '0x04']) assert.ok(types.has(type), `type ${type}`);
    assert.equal(new Set(all('vnet.handler')), new Set([id]));
    assert.is(all('vnet.reason')[0], 'closed');
    assert.ok(all('icmp.type').includes('8'), 'the frames within are dissected too');
    assert.ok(
      all('vnet.virtio.gso_size').some((size) => Number(size) > 1_000),
      'super-frames',
    );
    assert.equal([...all('_ws.malformed'), ...all('vnet.malformed')], []);
    assert.ok(all('_ws.col.Info').some((info) => info.includes('BYE closed')));
  } finally {
    lab.close();
  }
}

test.run();
