/** What a policy allows, by itself. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  compilePolicy,
  type HandlersSeen,
  NO_RULE,
  type Policy,
  type PolicyRule,
} from '../../../machines/policy/policy.ts';
import { parseLine } from '../../../machines/protocol/parse.ts';
import { type Command, type SecretRef, VERBS } from '../../../machines/protocol/types.ts';

const NOBODY: HandlersSeen = { owners: () => [], count: () => 0 };
const ID = '00112233445566778899aabbccddeeff';
const MAC = '52:54:00:00:00:01';

function policy(...rules: PolicyRule[]): Policy {
  const compiled = compilePolicy({ rules });
  if (typeof compiled === 'string') throw new Error(compiled);
  return compiled;
}

function command(line: string): Command {
  const parsed = parseLine(Buffer.from(line), () => 'secret:1' as SecretRef);
  if (parsed.kind !== 'command' || !parsed.command.args.ok)
    throw new Error(`${line}: ${JSON.stringify(parsed)}`);
  return parsed.command;
}

const handle = ({
  remote = 'tls://far:7411',
  local = 'eth0',
  far = 'vm0',
  roles = 'PROXY HOST',
  macs = MAC,
  options = '',
} = {}) =>
  command(
    `HANDLE ${remote} ${remote.startsWith('peer:') ? '-' : 'cert'} ${local} ${far} ${roles} ${macs} ${options}`,
  );
const begin = ({ local = 'eth0', far = 'vm0', roles = 'PROXY HOST', macs = MAC, options = '' } = {}) =>
  command(`BEGIN ${ID} ${local} ${far} ${roles} ${macs} offload=on mtu=1500 ${options}`);

const FULL: PolicyRule = {
  name: 'full',
  identities: ['ann'],
  commands: ['*'],
  devices: ['*'],
  roles: ['*'],
  macs: ['*'],
  remotes: ['*'],
  handlers: 'all',
  l2cp: true,
};

/** What one rule says of a command of ann's; undefined: she may. */
function refusal(change: Partial<PolicyRule>, what: Command, seen = NOBODY): string | undefined {
  return policy({ ...FULL, ...change }).forbids('ann', what, seen)?.text;
}

const test = suite('policy');

test('one rule counts for each identity: its own, else that of *, else none', () => {
  const both = policy(
    { name: 'a', identities: ['ann'], commands: ['STATUS?'] },
    { name: 'b', identities: ['*'] },
  );
  const status = command('STATUS?');
  assert.is(both.forbids('ann', status, NOBODY), undefined);
  assert.is(both.forbids('bob', status, NOBODY)?.rule, 'b');
  const one = policy({ name: 'a', identities: ['ann'], commands: ['STATUS?'] });
  assert.equal(one.forbids('bob', status, NOBODY), {
    rule: NO_RULE,
    text: 'no rule of the policy is for bob',
  });
});

test('a rule that lists nothing allows DONE and HELP? and nothing else', () => {
  const empty = policy({ name: 'nothing', identities: ['*'] });
  const lines: Record<string, string> = {
    HELLO: 'HELLO local',
    HANDLE: `HANDLE tls://far cert eth0 vm0 PROXY HOST ${MAC}`,
    BEGIN: `BEGIN ${ID} eth0 vm0 PROXY HOST ${MAC} offload=on mtu=1500`,
    JOIN: `JOIN ${ID} 1`,
    CLOSE: `CLOSE ${ID}`,
    'STATS?': `STATS? ${ID}`,
    'TRACE?': `TRACE? ${ID} ${'00'.repeat(14)}`,
    CAPTURE: `CAPTURE ${ID}`,
    'PING?': `PING? ${ID}`,
  };
  for (const verb of VERBS) {
    const forbidden = empty.forbids('ann', command(lines[verb] ?? verb), NOBODY);
    assert.is(forbidden === undefined, verb === 'DONE' || verb === 'HELP?', verb);
  }
});

test('a rule with * everywhere allows everything', () => {
  for (const what of [handle(), begin(), handle({ roles: 'BRIDGE BRIDGE', macs: '*' }), command('WATCH')]) {
    assert.is(refusal({}, what), undefined);
  }
});

test('commands', () => {
  assert.is(refusal({ commands: ['HANDLERS?'] }, command('HANDLERS?')), undefined);
  assert.match(
    refusal({ commands: ['HANDLERS?'] }, command('WATCH')) ?? '',
    'WATCH is not among the commands',
  );
});

test('wrong arguments are not for a policy to judge', () => {
  const parsed = parseLine(Buffer.from('HANDLE far'), () => 'secret:1' as SecretRef);
  assert.is(parsed.kind === 'command' && refusal({}, parsed.command), undefined);
  assert.ok(parsed.kind === 'command' && refusal({ commands: [] }, parsed.command), 'its verb is');
});

test('devices of this side, in HANDLE and in BEGIN alike', () => {
  for (const make of [handle, begin]) {
    const of = (devices: string[], local: string) => refusal({ devices }, make({ local }));
    assert.is(of(['eth0'], 'eth0'), undefined);
    assert.is(of(['eth0'], 'packet:eth0'), undefined, 'the interface by whatever backend');
    assert.ok(of(['packet:eth0'], 'eth0'), 'this backend alone');
    assert.ok(of(['eth0'], 'eth1'));
    assert.ok(of(['vm0'], 'tap:vm0'), 'a TAP is another thing');
    assert.is(of(['tap:vm*'], 'tap:vm7?mtu=1400'), undefined);
    assert.ok(of(['tap:vm*'], 'tap:lan7'));
    assert.ok(of(['tap:vm*'], 'tap:vm7?bridge=br0'), 'a bridge has to be allowed');
    assert.is(of(['tap:vm*?bridge=br0'], 'tap:vm7?bridge=br0'), undefined);
    assert.ok(of(['tap:vm*?bridge=br0'], 'tap:vm7?bridge=br1'));
    assert.ok(of(['tap:vm*?bridge=br0'], 'tap:vm7'));
    for (const any of ['eth0', 'pcap:eth0', 'tap:vm7', 'tap:vm7?bridge=br0'])
      assert.is(of(['*'], any), undefined, any);
    assert.is(of(['fifteen-bytes-x'], 'fifteen-bytes-x'), undefined, 'the longest name');
    assert.match(of([], 'eth0') ?? '', 'eth0 is not among the devices');
  }
});

test('devices of the other side, all of them when none are listed', () => {
  assert.ok(refusal({ remoteDevices: ['vm*'] }, handle({ far: 'lan0' })));
  assert.is(refusal({ remoteDevices: ['vm*'] }, handle({ far: 'vm9' })), undefined);
});

test('roles are those of this side', () => {
  assert.is(refusal({ roles: ['PROXY'] }, handle()), undefined);
  assert.match(refusal({ roles: ['HOST'] }, begin()) ?? '', 'PROXY on this side');
  assert.ok(refusal({ roles: ['HOST', 'PROXY'] }, handle({ roles: 'BRIDGE BRIDGE', macs: '*' })));
});

test('MAC addresses: each of them has to be allowed', () => {
  const of = (macs: string[], asked: string) => refusal({ macs }, handle({ macs: asked }));
  assert.is(of([MAC], MAC.toUpperCase()), undefined);
  assert.match(of([MAC], `${MAC} 52:54:00:00:00:02`) ?? '', '52:54:00:00:00:02 is not among');
  assert.is(of(['52:54:00:*'], '52:54:00:ff:ff:ff'), undefined);
  assert.ok(of(['52:54:00:*'], '52:54:01:00:00:00'));
  assert.is(of(['52:54:00:00:00:f0/44'], '52:54:00:00:00:ff'), undefined);
  assert.ok(of(['52:54:00:00:00:f0/44'], '52:54:00:00:00:ef'));
  const bridge = handle({ roles: 'BRIDGE BRIDGE', macs: '*' });
  assert.ok(
    refusal({ macs: ['52:54:00:*', '00:00:00:00:00:00/1'] }, bridge),
    'no prefix covers all that BRIDGE carries',
  );
});

test('remotes', () => {
  const of = (remotes: string[], remote: string) => refusal({ remotes }, handle({ remote }));
  assert.is(of(['tls://far'], 'tls://FAR:7411'), undefined, 'the default port is there');
  assert.is(of(['tls://far:7411'], `tls://far?pin=sha256:${'a'.repeat(64)}`), undefined, 'whatever the pin');
  assert.ok(of(['tls://far'], 'tls://far:7412'));
  assert.ok(of(['tls://far'], 'tcp://far'));
  assert.is(of(['tls://*.example.org:7411'], 'tls://a.b.example.org'), undefined);
  assert.ok(of(['tls://*.example.org:7411'], 'tls://example.org.evil.net'));
  assert.is(of(['tls://*'], 'tls://[2001:db8::1]:99'), undefined);
  assert.is(of(['peer:*'], 'peer:office'), undefined);
  assert.ok(of(['peer:lab'], 'peer:office'));
});

test('rates that have to be asked for, and l2cp', () => {
  assert.match(refusal({ mostRate: 1000 }, handle()) ?? '', 'rate=1000 or less');
  assert.ok(refusal({ mostRate: 1000 }, begin({ options: 'rate=1001' })));
  assert.is(refusal({ mostRate: 1000 }, begin({ options: 'rate=1k' })), undefined);
  assert.ok(refusal({ mostBcastRate: 10 }, handle({ options: 'rate=1' })));
  assert.is(refusal({ mostBcastRate: 10 }, handle({ options: 'bcast-rate=10' })), undefined);
  assert.ok(refusal({ l2cp: false }, handle({ options: 'l2cp=on' })));
});

test('Handlers of others, and how many of one´s own', () => {
  const mine: HandlersSeen = { owners: () => ['ann'], count: () => 2 };
  const bobs: HandlersSeen = { owners: () => ['bob'], count: () => 2 };
  for (const line of [`CLOSE ${ID}`, `STATS? ${ID}`]) {
    assert.is(refusal({ handlers: 'own' }, command(line), mine), undefined);
    assert.match(refusal({ handlers: 'own' }, command(line), bobs) ?? '', 'another identity');
    assert.is(
      refusal({ handlers: 'own' }, command(line)),
      undefined,
      'none of that id: that is for 404 to say',
    );
    assert.is(refusal({ handlers: 'all' }, command(line), bobs), undefined);
  }
  assert.is(refusal({ mostHandlers: 3 }, handle(), mine), undefined);
  assert.match(refusal({ mostHandlers: 2 }, handle(), mine) ?? '', 'has 2 Handlers');
  assert.is(refusal({ mostHandlers: 2 }, begin(), mine), undefined, 'it is dialled again');
  assert.ok(refusal({ mostHandlers: 2 }, begin(), { owners: () => [], count: () => 2 }));
});

test('what is wrong with a policy is said with its place', () => {
  const wrong = (...rules: PolicyRule[]) => compilePolicy({ rules }) as string;
  const rule = (change: Partial<PolicyRule>) => wrong({ ...FULL, ...change });
  assert.match(rule({ name: 'two words' }), 'rules[0] (two words): a rule has a name');
  assert.match(rule({ name: NO_RULE }), 'and not "none"');
  assert.match(
    wrong(FULL, { ...FULL, identities: ['bob'] }),
    'rules[1] (full): this name stands there twice',
  );
  assert.match(wrong(FULL, { ...FULL, name: 'other' }), 'identity ann is in rule full already');
  assert.match(rule({ identities: ['a b'] }), 'no identity');
  assert.match(rule({ commands: ['handle'] }), 'commands: "handle" is none of HELLO, DONE');
  assert.match(rule({ roles: ['GUEST'] }), 'roles: "GUEST"');
  for (const bad of ['', 'tap:', 'eth0?bridge=br0', 'tap:x?mtu=1', 'usb:eth0', 'eth/0', 'abcdefghijklmnop']) {
    assert.match(rule({ devices: [bad] }), /devices: .*a device pattern is/, bad);
  }
  for (const bad of ['', '52:54', '52:54:*:01', '52:54:00:00:00:01/0', '52:54:00:00:00:01/49', '*:01']) {
    assert.match(rule({ macs: [bad] }), /macs: .*a MAC pattern is/, bad);
  }
  for (const bad of [
    '',
    'office',
    'tls://*.example.org',
    'udp://x',
    `tls://x?pin=sha256:${'a'.repeat(64)}`,
    'peer:a b',
  ]) {
    assert.match(rule({ remotes: [bad] }), /remotes: .*a remote pattern is/, bad);
  }
});

test.run();
