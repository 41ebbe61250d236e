/** What the initiator makes of the server it dials, and what it tells it (PROTOCOL.md sections 3 and 5). */
import * as assert from 'uvu/assert';
import { handle, handleLine, ID, MAC2, only, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Talker } from '../support/talker.ts';

const scenario = scenarios('remote');

/** Plays the other server: answers each line that comes with what the script says. */
function playing(script: readonly string[]): (talker: Talker) => void {
  return (talker) => {
    let step = 0;
    const say = () => {
      const line = script[step++];
      if (line === undefined) return;
      if (line === 'END') talker.end();
      else if (line !== 'SILENCE') talker.send(line.endsWith('\n') ? line : `${line}\n`);
    };
    say();
    talker.heardLine = say;
  };
}

const GREETING = 'OK VNET/1 server=fake auth=password';

scenario('a remote that does not speak the protocol is 502 remote-protocol', async (world) => {
  const { client } = await pair(world);
  const wrong: string[][] = [
    ['SSH-2.0-OpenSSH_9'],
    ['OK VNET/2 server=fake auth=password'],
    ['OK'],
    ['\u0001\u0002'],
    ['X'.repeat(9000)],
    [GREETING, 'maybe'],
    [GREETING, 'DATA before=OK'],
    [GREETING, 'OK', 'OK'],
    [GREETING, 'OK', `OK handler=${ID} offload=on mtu=1500`],
    [GREETING, 'OK', 'OK handler=x offload=on mtu=1500'],
    [GREETING, 'OK', 'ERR'],
  ];
  for (const [i, script] of wrong.entries()) {
    await world.impostor(`fake${i}`, playing(script));
    const answer = await client.ask(handleLine({ remote: `tcp://fake${i}:7411` }), 15_000);
    assert.match(answer, /^ERR 502 remote-protocol ./, JSON.stringify(script));
  }
});

scenario('a remote that ends the connection early is 502 remote-unreachable', async (world) => {
  const { client } = await pair(world);
  for (const [i, script] of [['END'], [GREETING, 'END'], [GREETING, 'OK', 'END']].entries()) {
    await world.impostor(`fake${i}`, playing(script));
    const answer = await client.ask(handleLine({ remote: `tcp://fake${i}:7411` }), 15_000);
    assert.match(answer, /^ERR 502 remote-unreachable ./, JSON.stringify(script));
  }
  assert.match(
    await client.ask(handleLine({ remote: 'tcp://nowhere:7411' })),
    /^ERR 502 remote-unreachable ./,
  );
  assert.match(await client.ask(handleLine({ remote: 'tcp://proxy:7499' })), /^ERR 502 remote-unreachable ./);
});

scenario('a remote that is silent at any step is 504 remote-timeout after 15 s in all', async (world) => {
  const { host, client } = await pair(world);
  for (const [i, script] of [['SILENCE'], [GREETING, 'SILENCE'], [GREETING, 'OK', 'SILENCE']].entries()) {
    let there: Talker | undefined;
    await world.impostor(`fake${i}`, (talker) => {
      there = talker;
      playing(script)(talker);
    });
    client.say(handleLine({ remote: `tcp://fake${i}:7411` }));
    await world.elapse(14_999);
    assert.equal(client.lines(), []);
    await world.elapse(1);
    assert.match(client.lines().join(), /^ERR 504 remote-timeout ./);
    await world.settle();
    assert.ok(there?.closed || there?.ended, 'the connection is given up');
    assert.is(host.server.handlers.all().length, 0);
  }
});

scenario('the ERR of a greeting is the text of 502 remote-refused', async (world) => {
  const { client } = await pair(world);
  await world.impostor('full', playing(['ERR 429 too-many-sessions go away']));
  assert.match(
    await client.ask(handleLine({ remote: 'tcp://full:7411' })),
    /^ERR 502 remote-refused ERR 429 too-many-sessions go away$/,
  );
});

scenario('what a remote echoes of a secret reaches the user and no log', async (world) => {
  const { client } = await pair(world);
  await world.impostor('echo', playing([GREETING, 'ERR 403 secret-of-proxy you said secret-of-proxy']));
  assert.match(
    await client.ask(handleLine({ remote: 'tcp://echo:7411' })),
    /^ERR 502 remote-refused ERR 403 secret-of-proxy you said secret-of-proxy$/,
  );
});

scenario('HELLO goes out with the identity of the auth argument', async (world) => {
  const { proxy, client } = await pair(world);
  const heard: string[] = [];
  await world.impostor('ear', (talker) => {
    talker.heardLine = (line) => {
      heard.push(line);
      talker.say('ERR 403 authentication-failed no');
    };
    talker.say(GREETING);
  });
  for (const auth of ['password:aaa', 'password:ann:bbb', 'password:"c:c c"', 'password:ann:"d:d"', 'cert']) {
    await client.ask(handleLine({ remote: 'tcp://ear:7411', auth }));
  }
  assert.equal(heard, [
    'HELLO password default aaa',
    'HELLO password ann bbb',
    'HELLO password default "c:c c"',
    'HELLO password ann d:d',
    'HELLO cert',
  ]);
  await handle(client, { auth: 'password:other:secret-of-other' });
  assert.is(only(proxy).context.identity, 'other');
});

scenario(
  'a password is never sent on plain tcp:// to another machine, unless it was allowed',
  async (world) => {
    const { host, client } = await pair(world, { host: { allowPlaintext: false } });
    const heard: string[] = [];
    await world.impostor('ear', (talker) => {
      talker.heardLine = (line) => heard.push(line);
      talker.say(GREETING);
    });
    assert.match(await client.ask(handleLine({ remote: 'tcp://ear:7411' })), /^ERR 403 tls-required ./);
    assert.equal(heard, []);
    const loopback = { remote: 'tcp://127.0.0.1:7411', auth: 'password:secret-of-host', far: 'vm1' };
    assert.match(await client.ask(handleLine(loopback)), /^OK /);
    assert.is(host.server.handlers.all().length, 2);
  },
);

scenario('over tls:// the certificate decides: pin, else what may stand for it', async (world) => {
  const proxy = { listen: ['tcp://0.0.0.0:7411', 'tls://0.0.0.0:7412'], allowPlaintext: false };
  const { host, proxy: there, client } = await pair(world, { host: { allowPlaintext: false }, proxy });
  const remote = 'tls://proxy:7412';
  assert.match(await client.ask(handleLine({ remote })), /^ERR 502 remote-untrusted ./);
  assert.match(
    await client.ask(handleLine({ remote: `${remote}?pin=sha256:${'0'.repeat(64)}` })),
    /^ERR 502 remote-untrusted ./,
  );
  const pin = there.host.certificate?.fingerprint;
  assert.match(await client.ask(handleLine({ remote: `${remote}?pin=${pin}` })), /^OK /);
  there.authenticator.certificate(host.host.certificate?.fingerprint ?? '', 'host');
  await handle(client, { remote: `${remote}?pin=${pin}`, auth: 'cert', macs: MAC2 });
  assert.ok(there.server.handlers.all().some(({ context }) => context.identity === 'host'));
});

scenario('peer:<name> takes URL, credentials and pin of the peer entry', async (world) => {
  const name = 'office';
  const url = 'tls://proxy:7412';
  const secret = 'secret-of-other';
  world.secrets.add(secret);
  const peers = [
    {
      name,
      url,
      pin: `sha256:${(2).toString(16).padStart(64, '0')}`,
      auth: { method: 'password' as const, identity: 'other', secret },
    },
    { name: 'bare', url: 'tcp://proxy:7411' },
    { name: 'wrong', url, pin: `sha256:${'f'.repeat(64)}`, auth: { method: 'cert' as const } },
  ];
  const { proxy, client } = await pair(world, {
    host: { peers },
    proxy: { listen: ['tcp://0.0.0.0:7411', 'tls://0.0.0.0:7412'] },
  });
  await handle(client, { remote: 'peer:office', auth: '-' });
  assert.is(only(proxy).context.identity, 'other');
  assert.match((await client.list('HANDLERS?')).join(), / peer=peer:office /);
  await handle(client, { remote: 'peer:bare', auth: 'password:secret-of-proxy', macs: MAC2 });
  const more = { macs: '02:00:00:00:00:33' };
  assert.match(
    await client.ask(handleLine({ ...more, remote: 'peer:bare', auth: '-' })),
    /^ERR 404 no-such-peer ./,
  );
  assert.match(
    await client.ask(handleLine({ ...more, remote: 'peer:wrong', auth: '-' })),
    /^ERR 502 remote-untrusted ./,
  );
  assert.match(await client.ask(handleLine({ ...more, auth: '-' })), /^ERR 400 syntax ./);
});

scenario('a server that dials itself holds the Handler twice; CLOSE closes both', async (world) => {
  const { host, client } = await pair(world);
  const loop = { remote: 'tcp://127.0.0.1:7411', auth: 'password:secret-of-host', far: 'vm1' };
  const id = await handle(client, loop);
  const lines = await client.list('HANDLERS?');
  assert.is(lines.length, 2);
  assert.ok(lines.every((line) => line.startsWith(`HANDLER ${id} state=binary `)));
  assert.equal(lines.map((line) => /side=(\w+)/.exec(line)?.[1]).sort(), ['initiator', 'responder']);
  assert.is(await client.ask(`CLOSE ${id}`, 5_000), 'OK');
  assert.is(await client.ask('HANDLERS?'), 'OK count=0');
  assert.is(host.devices.opened('vm0').length + host.devices.opened('vm1').length, 0);
  // And once more over a wire that breaks.
  const again = await handle(client, loop);
  world.internet.connections.at(-1)?.wire.reset();
  await world.elapse(2_000);
  assert.is(stateOf(host, again), 'binary+binary');
  assert.is(await client.ask(`CLOSE ${again}`, 5_000), 'OK');
});

scenario.run();
