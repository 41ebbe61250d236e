/** PROTOCOL.md section 2 over a connection: lines, pipelining, half-close, and the order of checks. */
import * as assert from 'uvu/assert';
import { handleLine, ID, MAC, pair } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';

const scenario = scenarios('lines');

scenario('a server greets with its name and the methods that are good on the connection', async (world) => {
  const station = world.station('north', {
    listen: ['tcp://0.0.0.0:7411', 'tls://0.0.0.0:7412', 'unix:///run/vnet.sock'],
    allowPlaintext: false,
  });
  station.authenticator.certificate(`sha256:${'c'.repeat(64)}`, 'someone');
  await station.start();
  const far = world.host(['far']);
  const greeting = async (way: Parameters<typeof station.connect>[0]) =>
    (await (await station.connect(way)).answer()).join('|');
  assert.is(await greeting({}), 'OK VNET/1 server=north auth=password features=wires,notes');
  assert.is(
    await greeting({ from: far, url: 'tcp://north:7411' }),
    'OK VNET/1 server=north auth= features=wires,notes',
  );
  const pin = `?pin=${station.host.certificate?.fingerprint}`;
  assert.is(
    await greeting({ from: far, url: `tls://north:7412${pin}` }),
    'OK VNET/1 server=north auth=password,cert features=wires,notes',
  );
  assert.is(
    await greeting({ url: 'unix:///run/vnet.sock' }),
    'OK VNET/1 server=north auth=password,local features=wires,notes',
  );
});

scenario('requests may be pipelined: answers come in order, one at a time', async (world) => {
  const station = await world.station('north').start();
  const client = await station.connect();
  client.say('HELLO password secret-of-default', 'STATUS?', 'DEVICES?', 'HANDLERS?', 'DONE', 'STATUS?');
  await world.settle();
  const last = client.lines().filter((line) => /^(OK|ERR)/.test(line));
  assert.match(last[1] ?? '', /^OK session=[0-9a-f]+ identity=default$/);
  assert.match(last[2] ?? '', /^OK count=\d+$/);
  assert.equal(
    [last[0], ...last.slice(3)],
    ['OK VNET/1 server=north auth=password features=wires,notes', 'OK count=0', 'OK count=0', 'OK'],
  );
  assert.ok(client.ended);
});

scenario('the bytes of a line may come one by one', async (world) => {
  const station = await world.station('north').start();
  world.internet.readSize = () => 1;
  const client = await station.connect();
  client.say('HELLO password secret-of-default', 'HANDLERS?', 'DONE');
  await world.settle();
  assert.equal(client.lines().slice(2), ['OK count=0', 'OK']);
});

scenario('end of stream acts as DONE after the last complete line, and all answers come', async (world) => {
  const station = await world.station('north').start();
  const client = await station.connect();
  client.send('HELLO password secret-of-default\nHANDLERS?\nNONSENSE\nSTATUS');
  client.end();
  await world.settle();
  const lines = client.lines();
  assert.equal(lines.slice(2, 3), ['OK count=0']);
  assert.match(lines[3] ?? '', /^ERR 400 unknown-command /);
  assert.is(lines.length, 4, 'the line without its end is none, and DONE has not been said');
  await world.settle();
  assert.ok(client.closed && !client.broken);
  assert.match(station.steps('session:').at(-1) ?? '', /^end → closed$/);
});

scenario(
  'a client that ends its stream behind HANDLE gets the answer to it, and what follows',
  async (world) => {
    const { host, client: other } = await pair(world);
    other.say('DONE');
    const client = await host.connect();
    world.internet.latency = 20;
    client.say('HELLO password secret-of-host', handleLine(), 'HANDLERS?');
    client.end();
    await world.elapse(1_000);
    const lines = client.lines();
    assert.match(lines[2] ?? '', /^OK handler=/);
    assert.match(lines[3] ?? '', /^HANDLER .* state=binary /);
    assert.is(lines[4], 'OK count=1');
    assert.ok(client.closed && !client.broken);
  },
);

scenario('one CR before the LF is dropped, a second one is not', async (world) => {
  const station = await world.station('north').start();
  const client = await station.client();
  client.send('HANDLERS?\r\n');
  assert.equal(await client.answer(), ['OK count=0']);
  client.send('HANDLERS?\r\r\n');
  assert.match((await client.answer()).join(), /^ERR 400 syntax /);
});

scenario('an empty line does nothing and is not answered', async (world) => {
  const station = await world.station('north').start();
  const client = await station.connect();
  client.send('\n\r\n   \t \nHELLO password secret-of-default\n\n\r\n\nHANDLERS?\n');
  await world.settle();
  assert.is(client.lines().length, 3);
});

scenario('verbs are case-insensitive', async (world) => {
  const station = await world.station('north').start();
  const client = await station.connect();
  client.say('hello password secret-of-default', 'Handlers?', 'hanDLERS?', 'done');
  await world.settle();
  assert.equal(client.lines().slice(2), ['OK count=0', 'OK count=0', 'OK']);
});

scenario('HELLO takes its arguments as they are, quotes and equals signs included', async (world) => {
  const station = await world
    .station('north', {
      passwords: { default: 'a=b', odd: 'two "words" \\ here' },
    })
    .start();
  for (const line of ['HELLO password a=b', 'HELLO password odd "two \\"words\\" \\\\ here"']) {
    const client = await station.connect();
    await client.answer();
    assert.match(await client.ask(line), /^OK session=/);
  }
});

scenario('bad bytes are 400 syntax and the session goes on', async (world) => {
  const station = await world.station('north').start();
  for (const authenticated of [false, true]) {
    const client = authenticated ? await station.client() : await station.connect();
    if (!authenticated) await client.answer();
    const wrong = [
      'HELP?\0',
      'HEL\u0001P?',
      'HELP? \u007f',
      'HELP? "',
      'DONE "open',
      Buffer.from([0xff, 0xfe]),
      Buffer.from([0xc3]),
    ];
    for (const bytes of wrong) {
      client.send(Buffer.concat([Buffer.from(bytes), Buffer.from('\n')]));
      assert.match((await client.answer()).join(), /^ERR 400 syntax ./, JSON.stringify(bytes));
    }
    client.say('HELP?');
    assert.is((await client.answer()).at(-1), 'OK');
  }
});

scenario('a line of 8,192 bytes is taken, a longer one is 413 and ends the session', async (world) => {
  const station = await world.station('north').start();
  const client = await station.client();
  client.send(`${'X'.repeat(8191)}\n`);
  assert.match((await client.answer()).join(), /^ERR 400 unknown-command /);
  client.send(`HANDLERS?\n${'X'.repeat(8192)}\nHANDLERS?\n`);
  assert.equal(await client.answer(), ['OK count=0']);
  assert.match((await client.answer()).join(), /^ERR 413 line-too-long ./);
  await world.settle();
  assert.equal(client.lines(), []);
  assert.ok(client.ended);
  const stranger = await station.connect();
  await stranger.answer();
  stranger.send('X'.repeat(9000));
  assert.match((await stranger.answer()).join(), /^ERR 413 /);
  assert.ok(stranger.ended);
});

scenario('no data line begins with OK or ERR, and every answer has one last line', async (world) => {
  const { host, client } = await pair(world);
  host.devices.add({ name: 'OK' });
  host.devices.add({ name: 'ERR' });
  await client.ask(handleLine());
  for (const line of ['DEVICES?', 'HANDLERS?', 'STATUS?', 'HELP?']) {
    client.say(line);
    await world.settle();
    const lines = client.lines();
    assert.is(lines.filter((each) => /^(OK|ERR)/.test(each)).length, 1, line);
    assert.match(
      lines.at(-1) ?? '',
      line === 'HELP?' ? /^OK$/ : new RegExp(`^OK count=${lines.length - 1}$`),
    );
  }
});

scenario('HELP? lists what is good in the state', async (world) => {
  const station = await world.station('north').start();
  const stranger = await station.connect();
  await stranger.answer();
  const verbs = (lines: string[]) => lines.map((line) => /^HELP (\S+)/.exec(line)?.[1]);
  assert.equal(verbs(await stranger.list('HELP?')), ['HELLO', 'DONE', 'HELP?']);
  const client = await station.client();
  assert.equal(verbs(await client.list('HELP?')), [
    'DONE',
    'DEVICES?',
    'HANDLERS?',
    'HANDLE',
    'BEGIN',
    'JOIN',
    'CLOSE',
    'STATS?',
    'TRACE?',
    'DROPS?',
    'CAPTURE',
    'PING?',
    'CHECK?',
    'STATUS?',
    'WATCH',
    'HELP?',
  ]);
});

scenario('checks go line, verb, state, arguments, policy, objects, log', async (world) => {
  const { host, proxy, client } = await pair(world, {
    host: { forbids: (_, { verb }) => (verb === 'CLOSE' ? { rule: 'r1', text: 'not for you' } : undefined) },
  });
  const stranger = await host.connect();
  await stranger.answer();
  const asked = async (talker: typeof client, line: string) =>
    (await talker.ask(line)).split(' ').slice(0, 3).join(' ');
  // The line before the verb, the verb before the state, the state before the arguments.
  assert.is(await asked(stranger, 'NONSENSE "'), 'ERR 400 syntax');
  assert.is(await asked(stranger, 'NONSENSE'), 'ERR 400 unknown-command');
  assert.is(await asked(stranger, 'CLOSE'), 'ERR 401 not-authenticated');
  assert.is(await asked(client, 'HELLO'), 'ERR 405 wrong-state');
  assert.is(await asked(client, 'HELLO password wrong'), 'ERR 405 wrong-state');
  // Arguments before policy, policy before objects.
  assert.is(await asked(client, 'CLOSE x'), 'ERR 400 bad-id');
  assert.is(await asked(client, `CLOSE ${ID}`), 'ERR 403 forbidden');
  // Arguments before objects, objects before the log, and nothing is dialled before all that is right.
  host.expectedErrors.push('the log cannot be written; HANDLE, BEGIN and CLOSE are refused');
  host.journal.appendFault = new Error('ENOSPC');
  assert.is(await asked(client, 'STATUS?'), 'OK count=11');
  assert.is(await asked(client, handleLine({ local: 'none0', macs: 'ff' })), 'ERR 400 bad-mac');
  assert.is(await asked(client, handleLine({ local: 'none0' })), 'ERR 404 no-such-device');
  assert.is(await asked(client, handleLine()), 'ERR 507 log-unavailable');
  host.journal.appendFault = undefined;
  assert.is(world.internet.between(host.host, proxy.host).length, 0);
});

scenario('arguments are checked from left to right', async (world) => {
  const { client } = await pair(world);
  const reason = async (line: string) => (await client.ask(line)).split(' ')[2];
  const rows: [string, string][] = [
    ['HANDLE', 'syntax'],
    ['HANDLE a b c d e f g', 'bad-remote'],
    ['HANDLE tcp://x b c d e f g', 'syntax'],
    ['HANDLE tcp://x cert a:b d e f g', 'bad-device'],
    ['HANDLE tcp://x cert vm0 a:b e f g', 'bad-device'],
    ['HANDLE tcp://x cert vm0 lan0 e f g', 'bad-role'],
    ['HANDLE tcp://x cert vm0 lan0 HOST HOST g', 'bad-roles-pair'],
    ['HANDLE tcp://x cert vm0 lan0 HOST PROXY g', 'bad-mac'],
    ['HANDLE tcp://x cert vm0 lan0 HOST PROXY *', 'bad-mac'],
    [`HANDLE tcp://x cert vm0 lan0 BRIDGE BRIDGE ${MAC}`, 'bad-mac'],
    [`HANDLE tcp://x cert vm0 lan0 HOST PROXY ${MAC} colour=red`, 'bad-option'],
    [`HANDLE tcp://x cert vm0 lan0 HOST PROXY ${MAC} offload=maybe`, 'bad-option'],
    [`BEGIN x lan0 vm0 PROXY HOST ${MAC} offload=on mtu=1500`, 'bad-id'],
    [`BEGIN ${ID} lan0 vm0 PROXY HOST ${MAC} offload=on`, 'bad-option'],
    ['HANDLERS? all', 'syntax'],
    ['DONE now', 'syntax'],
    ['WATCH me', 'syntax'],
    ['STATS?', 'syntax'],
    [`STATS? ${ID} x`, 'syntax'],
  ];
  for (const [line, wanted] of rows) assert.is(await reason(line), wanted, line);
});

scenario.run();
