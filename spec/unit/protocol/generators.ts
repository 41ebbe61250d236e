/** Random values of the protocol's types, for properties. */
import * as fc from 'fast-check';
import { isIfname } from '../../../machines/protocol/devices.ts';
import { formatMac } from '../../../machines/protocol/mac.ts';
import { expressible } from '../../../machines/protocol/tokens.ts';
import type {
  Auth,
  Begin,
  DeviceSpec,
  Ends,
  Handle,
  HandlerOptions,
  Remote,
  RoleConfig,
  SecretRef,
} from '../../../machines/protocol/types.ts';

const charsOf = (chars: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...chars), minLength, maxLength });

export const name = charsOf('AZaz09._-', 1, 64);
export const handlerId = charsOf('0123456789abcdef', 16, 64);

/** Text that a line can carry in quotes, rich in the characters that quoting is about. */
export const value = fc
  .oneof(fc.string({ unit: 'grapheme' }), charsOf('ab:=" \\\t', 0, 12))
  .filter((text) => expressible(text) && !/\p{Cs}/u.test(text));

export const ifname = fc
  .oneof(charsOf('abz09.-_', 1, 15), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 15 }))
  .filter((text) => isIfname(text) && !/\p{Cs}/u.test(text));

const mtu = fc.integer({ min: 68, max: 65_535 });

export const device: fc.Arbitrary<DeviceSpec> = fc.oneof(
  fc.record(
    { kind: fc.constant('interface' as const), backend: fc.constantFrom('any', 'packet', 'pcap'), ifname },
    { requiredKeys: ['kind', 'backend', 'ifname'], noNullPrototype: true },
  ),
  fc.record(
    { kind: fc.constant('tap' as const), ifname, mtu, bridge: ifname.filter((text) => !text.includes('&')) },
    { requiredKeys: ['kind', 'ifname'], noNullPrototype: true },
  ),
);

export const role: fc.Arbitrary<RoleConfig> = fc.oneof(
  fc.constantFrom('HOST', 'BRIDGE').map((known): RoleConfig => ({ role: known, multicast: true })),
  fc.boolean().map((multicast): RoleConfig => ({ role: 'PROXY', multicast })),
);

const hex64 = charsOf('0123456789abcdef', 64, 64);
const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address.toLowerCase()}]`),
  charsOf('abz', 1, 20),
);
const hostPort = fc.tuple(host, fc.integer({ min: 1, max: 65_535 })).map(([h, port]) => `${h}:${port}`);

export const remote: fc.Arbitrary<Remote> = fc.oneof(
  hostPort.map((at): Remote => ({ kind: 'url', scheme: 'tcp', url: `tcp://${at}` })),
  hostPort.map((at): Remote => ({ kind: 'url', scheme: 'tls', url: `tls://${at}` })),
  fc
    .tuple(hostPort, hex64)
    .map(([at, pin]): Remote => ({ kind: 'url', scheme: 'tls', url: `tls://${at}`, pin: `sha256:${pin}` })),
  name.map((peer): Remote => ({ kind: 'peer', name: peer })),
);

const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

export const options: fc.Arbitrary<HandlerOptions> = fc.record(
  { offload: fc.boolean(), announce: fc.boolean(), l2cp: fc.boolean(), rate: positive, bcastRate: positive },
  { requiredKeys: ['offload', 'announce', 'l2cp'], noNullPrototype: true },
);

export const unicastMac = fc
  .integer({ min: 1, max: 2 ** 48 - 1 })
  .map((number) => (Math.floor(number / 2 ** 40) % 2 === 1 ? number - 2 ** 40 : number))
  .filter((number) => number > 0)
  .map(formatMac);

const macs = fc.uniqueArray(unicastMac, { minLength: 1, maxLength: 8 }).map((list) => list.sort());

const proxy = fc.boolean().map((multicast): RoleConfig => ({ role: 'PROXY', multicast }));
const HOST: RoleConfig = { role: 'HOST', multicast: true };
const BRIDGE: RoleConfig = { role: 'BRIDGE', multicast: true };

export const ends: fc.Arbitrary<Ends> = fc
  .tuple(
    device,
    device,
    fc.oneof(
      fc.tuple(fc.constant(HOST), proxy, macs),
      fc.tuple(proxy, fc.constant(HOST), macs),
      fc.constant([BRIDGE, BRIDGE, ['*']] as const),
    ),
  )
  .map(([localDevice, remoteDevice, [localConfig, remoteConfig, list]]) => ({
    localDevice,
    remoteDevice,
    localConfig,
    remoteConfig,
    macs: list,
  }));

export const begin: fc.Arbitrary<Begin> = fc
  .tuple(handlerId, mtu, options, ends)
  .map(([handler, far, chosen, both]) => ({ handler, mtu: far, options: chosen, ...both }));

export const SECRET = 'secret:1' as SecretRef;

const auth: fc.Arbitrary<Auth> = fc.oneof(
  fc.constant<Auth>({ kind: 'cert' }),
  fc.constant<Auth>({ kind: 'peer-entry' }),
  name.map((identity): Auth => ({ kind: 'password', identity, secret: SECRET })),
);

export const handle: fc.Arbitrary<Handle> = fc
  .tuple(remote, auth, options, ends)
  .filter(([where, how]) => how.kind !== 'peer-entry' || where.kind === 'peer')
  .map(([where, how, chosen, both]) => ({ remote: where, auth: how, options: chosen, ...both }));
