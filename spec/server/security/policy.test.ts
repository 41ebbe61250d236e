/** A policy at work in a whole server: 403 with the rule's name, on record, and before any object is looked at. */
import * as assert from 'uvu/assert';
import { compilePolicy, type Policy, type PolicyRule } from '../../../machines/policy/policy.ts';
import { beginLine, handle, handleLine, ID, MAC, MAC2, pair } from '../../support/pair.ts';
import { scenarios } from '../../support/scenario.ts';

const scenario = scenarios('policy in a server');

function policy(...rules: PolicyRule[]): Policy {
  const compiled = compilePolicy({ rules });
  if (typeof compiled === 'string') throw new Error(compiled);
  return compiled;
}

const RULE: PolicyRule = {
  name: 'vms',
  identities: ['default'],
  commands: ['HANDLE', 'BEGIN', 'CLOSE', 'STATS?', 'HANDLERS?'],
  devices: ['vm*', 'lan*'],
  roles: ['HOST', 'PROXY'],
  macs: [MAC],
  remotes: ['tcp://proxy:*'],
};
const rules = (change: Partial<PolicyRule> = {}, ...more: PolicyRule[]) =>
  policy({ ...RULE, ...change }, ...more).forbids;

scenario(
  'what it allows works; what it does not is 403 with the rule, and the rule is on record',
  async (world) => {
    const { host, client } = await pair(world, { host: { forbids: rules() } });
    const id = await handle(client);
    assert.match(await client.ask(handleLine({ macs: MAC2 })), /^ERR 403 forbidden .*\(rule vms\)$/);
    assert.match(await client.ask('WATCH'), /^ERR 403 forbidden WATCH is not among/);
    assert.is(await client.ask('HELP?'), 'OK');
    assert.is(await client.ask(`CLOSE ${id}`), 'OK');
    const refused = host.history('session:').filter(({ event }) => 'objection' in event);
    assert.equal(
      refused.map(({ event }) => [event.type, event.objection]),
      [
        ['HANDLE', { reason: 'forbidden', rule: 'vms' }],
        ['WATCH', { reason: 'forbidden', rule: 'vms' }],
      ],
    );
    assert.not.match(JSON.stringify(refused), MAC2, 'nothing of the arguments');
  },
);

scenario('arguments are looked at before it, objects behind it', async (world) => {
  const { client } = await pair(world, { host: { forbids: rules({ devices: ['vm*'] }) } });
  assert.match(await client.ask(handleLine({ macs: 'nonsense' })), /^ERR 400 bad-mac/);
  assert.match(await client.ask(handleLine({ local: 'eth7' })), /^ERR 403 forbidden/, 'there is no eth7');
  assert.match(await client.ask(handleLine({ local: 'vm7' })), /^ERR 404 no-such-device/);
});

scenario('at the responder it refuses BEGIN, and the initiator hears why', async (world) => {
  const { client, proxy } = await pair(world, { proxy: { forbids: rules({ macs: [MAC2] }) } });
  const answer = await client.ask(handleLine(), 15_000);
  assert.match(answer, /^ERR 502 remote-refused ERR 403 forbidden .*\(rule vms\)/);
  assert.equal(proxy.devices.opened('lan0'), [], 'nothing was opened');
});

scenario('a Handler of another identity cannot be closed, nor taken over', async (world) => {
  const other: PolicyRule = { ...RULE, name: 'others', identities: ['*'] };
  const { client, proxy } = await pair(world, { proxy: { forbids: rules({}, other) } });
  const id = await handle(client);
  const stranger = await proxy.client('other');
  for (const verb of ['CLOSE', 'STATS?']) {
    assert.match(
      await stranger.ask(`${verb} ${id}`),
      /^ERR 403 forbidden .*another identity.*\(rule others\)$/,
    );
  }
  assert.match(await stranger.ask(beginLine({ id })), /^ERR 409 handler-exists/);
  assert.match(await stranger.ask(beginLine({ id: ID })), /^ERR 409 mac-in-use/, 'nor its MAC address');
  const owner = await proxy.client();
  assert.is(await owner.ask(`CLOSE ${id}`), 'OK');
});

scenario('a new policy counts at once, and leaves Handlers alone', async (world) => {
  let current = rules();
  const { client, host } = await pair(world, {
    host: { forbids: (identity, command, handlers) => current(identity, command, handlers) },
  });
  await handle(client);
  current = rules({ commands: [] });
  assert.match(await client.ask('HANDLERS?'), /^ERR 403 forbidden/);
  assert.is(host.server.handlers.all()[0]?.state, 'binary');
});

const ASKS: PolicyRule = {
  ...RULE,
  name: 'asks',
  identities: ['*'],
  commands: ['DROPS?', 'CHECK?', 'CAPTURE', 'TRACE?'],
};

scenario('of a Handler of another identity no drop is told, also when it is gone', async (world) => {
  const { client, proxy } = await pair(world, { proxy: { forbids: rules({ commands: ['*'] }, ASKS) } });
  const id = await handle(client);
  const lan = proxy.devices.hub('lan0').attach({ mtu: 65_535 });
  lan.send([Buffer.from(`${MAC.replaceAll(':', '')}0200000000990800`.padEnd(3_200, '0'), 'hex')]);
  await world.elapse(20);
  const stranger = await proxy.client('other');
  const owner = await proxy.client();
  assert.is(await stranger.ask('DROPS?'), 'OK count=0 missed=0');
  owner.say('DROPS?');
  assert.is((await owner.answer()).at(-1), 'OK count=1 missed=0');
  assert.is(await client.ask(`CLOSE ${id}`, 5_000), 'OK');
  await world.settle();
  assert.is(await stranger.ask('DROPS?'), 'OK count=0 missed=0');
  owner.say('DROPS?');
  assert.is((await owner.answer()).at(-1), 'OK count=1 missed=0', 'its owner is told as before');
});

scenario('a right to TAPs is none to see what is read in another way', async (world) => {
  const { client, proxy } = await pair(world, {
    proxy: { forbids: rules({}, { ...ASKS, devices: ['tap:*'] }) },
  });
  await handle(client);
  const stranger = await proxy.client('other');
  for (const line of ['CAPTURE', 'TRACE?']) {
    const frame = line === 'CAPTURE' ? '' : ` ${'f'.repeat(28)}`;
    assert.match(await stranger.ask(`${line} lan0${frame}`), /^ERR 403 forbidden .*\(rule asks\)$/);
    assert.match(await stranger.ask(`${line} tap:lan0${frame}`), /^ERR 403 forbidden .*\(rule asks\)$/, line);
  }
});

scenario('a right to what is captured is one to see what is read so', async (world) => {
  const { client, proxy } = await pair(world, {
    proxy: { forbids: rules({}, { ...ASKS, devices: ['lan*'], handlers: 'all' }) },
  });
  await handle(client);
  for (const line of ['CAPTURE lan0', `TRACE? lan0 ${'f'.repeat(28)}`]) {
    assert.match(await (await proxy.client('other')).ask(line), /^OK/, line);
  }
});

scenario.run();
