/** Every reason word of PROTOCOL.md section 5, provoked over a connection; none of them disturbs anybody else. */
import * as assert from 'uvu/assert';
import { DeviceError } from '../../io/ports.ts';
import { ERROR_CODES, REASONS, type Reason } from '../../machines/protocol/errors.ts';
import { beginLine, handle, handleLine, ID, MAC2, only, type Pair, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Talker } from '../support/talker.ts';
import type { MemoryWorld } from '../support/world.ts';

const scenario = scenarios('errors');

interface Stage extends Pair {
  readonly world: MemoryWorld;
  /** A Handler that stands throughout. */
  readonly standing: string;
}

/** Brings one about, and gives the line that told of it. */
type Provocation = (stage: Stage) => Promise<string>;

const asked =
  (line: string, ms = 20_000): Provocation =>
  ({ client }) =>
    client.ask(line, ms);

const greeted =
  (then: (talker: Talker, stage: Stage) => Promise<string>): Provocation =>
  async (stage) => {
    const talker = await stage.host.connect();
    await talker.answer();
    return then(talker, stage);
  };

const against = (script: (talker: Talker) => void): Provocation => {
  return async ({ world, client }) => {
    await world.impostor('fake', script);
    return client.ask(handleLine({ remote: 'tcp://fake:7411', macs: MAC2 }), 20_000);
  };
};

const free = { local: 'vm1', far: 'lan1', macs: MAC2 };

const PROVOKED: { readonly [R in Reason]: Provocation } = {
  syntax: asked('STATUS? "'),
  'unknown-command': asked('FROBNICATE'),
  'bad-mac': asked(handleLine({ macs: '01:00:5e:00:00:01' })),
  'bad-role': asked(handleLine({ roles: 'GUEST PROXY' })),
  'bad-roles-pair': asked(handleLine({ roles: 'HOST BRIDGE' })),
  'bad-device': asked(handleLine({ local: 'a/b' })),
  'bad-option': asked(handleLine({ options: 'color=blue' })),
  'bad-remote': asked(handleLine({ remote: 'http://proxy' })),
  'bad-id': asked('CLOSE 123'),
  'not-authenticated': greeted((talker) => talker.ask('STATUS?')),
  'authentication-failed': greeted((talker) => talker.ask('HELLO password wrong', 2_000)),
  forbidden: asked('WATCH'),
  'tls-required': greeted((talker) => talker.ask('HELLO cert')),
  'no-such-handler': asked(`STATS? ${ID}`),
  'no-such-device': asked(handleLine({ local: 'nope0' })),
  'no-such-peer': asked(handleLine({ remote: 'peer:nobody', auth: '-' })),
  'wrong-state': asked('HELLO local'),
  timeout: greeted(async (talker, { world }) => {
    await world.elapse(10_000);
    return talker.lines().join();
  }),
  'handler-exists': async ({ proxy, standing }) =>
    (await proxy.client()).ask(beginLine({ id: standing, macs: MAC2 })),
  'mac-in-use': asked(handleLine({ local: 'vm0', far: 'lan1' })),
  'device-busy': asked(handleLine({ local: 'pcap:vm0', macs: MAC2 })),
  'handler-closed': async ({ proxy }) => {
    const begin = beginLine({ local: 'lan1', far: 'vm1', macs: MAC2 });
    const [wire, client] = [await proxy.client(), await proxy.client()];
    await wire.ask(begin);
    await client.ask(`CLOSE ${ID}`, 4_000);
    return client.ask(begin);
  },
  'line-too-long': async ({ host }) => (await host.client()).ask('X'.repeat(9_000)),
  'too-many-sessions': async ({ host }) => {
    for (let i = 0; i < 8; i++) await host.connect();
    return (await (await host.connect()).answer()).join();
  },
  'too-many-wires': async ({ proxy }) => {
    const wire = await proxy.client();
    await wire.ask(
      beginLine({ local: 'lan1', far: 'vm1', macs: MAC2, options: 'offload=on mtu=1500 wires=2' }),
    );
    return (await proxy.client()).ask(`JOIN ${ID} 2`);
  },
  'too-many-handlers': async ({ client }) => {
    for (let i = 0; i < 3; i++)
      await client.ask(handleLine({ ...free, macs: `02:00:00:00:01:0${i}` }), 5_000);
    return client.ask(handleLine(free));
  },
  'too-many-attempts': greeted((talker, { host }) => {
    host.authenticator.verify = () => Promise.reject(new Error('too many wait'));
    return talker.ask('HELLO password secret-of-host');
  }),
  internal: async ({ host, client }) => {
    host.devices.fault = new DeviceError('internal', 'something broke');
    return client.ask(handleLine(free));
  },
  'remote-unreachable': asked(handleLine({ ...free, remote: 'tcp://nowhere' })),
  'remote-refused': asked(handleLine({ ...free, far: 'nope0' })),
  'remote-protocol': against((talker) => talker.say('220 mail.example ESMTP')),
  'remote-untrusted': asked(handleLine({ ...free, remote: 'tls://proxy:7412' })),
  'remote-timeout': against(() => undefined),
  'log-unavailable': async ({ host, client }) => {
    host.expectedErrors.push('the log cannot be written; HANDLE, BEGIN and CLOSE are refused');
    host.journal.appendFault = new Error('ENOSPC');
    const line = await client.ask(handleLine(free));
    host.journal.appendFault = undefined;
    return line;
  },
};

for (const reason of REASONS) {
  scenario(`${ERROR_CODES[reason]} ${reason}`, async (world) => {
    const two = await pair(world, {
      host: {
        limits: { handlers: 4 },
        forbids: (_, { verb }) => (verb === 'WATCH' ? { rule: 'r', text: 'you may not' } : undefined),
      },
      proxy: { listen: ['tcp://0.0.0.0:7411', 'tls://0.0.0.0:7412'] },
    });
    const bystander = await two.host.client();
    const standing = await handle(two.client);
    const line = await PROVOKED[reason]({ ...two, world, standing });
    assert.match(line, new RegExp(`^ERR ${ERROR_CODES[reason]} ${reason} \\S`));
    assert.not(/[\r\n]/.test(line));
    // Nobody else notices: the Handler that stands, the session beside it, and (but for 413) the one that asked.
    assert.is(stateOf(two.host, standing), 'binary');
    assert.is(stateOf(two.proxy, standing), 'binary');
    assert.ok(two.host.history(`handler:${standing}`).every(({ event }) => event.type !== 'wire-lost'));
    assert.match(await bystander.ask('HANDLERS?'), /^OK count=\d$/);
    assert.match(await two.client.ask('HANDLERS?'), /^OK count=\d$/);
    if (reason !== 'too-many-handlers') assert.is(only(two.host).context.id, standing);
  });
}

scenario.run();
