import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BpfInstruction, compileFilter, type FilterRole } from '../../../machines/frames/bpf.ts';
import { outbound, PASS, type Predicate } from '../../../machines/frames/predicates.ts';
import type { RoleConfig } from '../../../machines/protocol/types.ts';
import { acceptable, inKernel, interpret } from './bpf-machine.ts';

const test = suite('kernel filter');

const HOST: RoleConfig = { role: 'HOST', multicast: true };
const PROXY: RoleConfig = { role: 'PROXY', multicast: true };
const QUIET: RoleConfig = { role: 'PROXY', multicast: false };
const BRIDGE: RoleConfig = { role: 'BRIDGE', multicast: true };

const VM = 0x525400000001;
const OTHER = 0x001122334455;
const BROADCAST = 0xffffffffffff;
const MULTICAST = 0x01005e000001;
const LLDP = 0x0180c200000e;

/** A frame without tag, with an 802.1Q tag or with two, as the kernel shows it to a filter when it left them in. */
function frame(destination: number, source: number, tags: readonly number[] = []): Buffer {
  const bytes = Buffer.alloc(60);
  bytes.writeUIntBE(destination, 0, 6);
  bytes.writeUIntBE(source, 6, 6);
  tags.forEach((tpid, index) => {
    bytes.writeUInt16BE(tpid, 12 + 4 * index);
  });
  return bytes;
}

/** Predicates of the Handlers, made once: that takes longer than asking them. */
const predicates = new WeakMap<readonly FilterRole[], Predicate[]>();

function wanted(handlers: readonly FilterRole[], bytes: Buffer): boolean {
  const made = predicates.get(handlers) ?? handlers.map((role) => outbound(role.config, role.macs, role));
  predicates.set(handlers, made);
  return made.some((predicate) => predicate(bytes, 0) === PASS);
}

function passes(program: readonly BpfInstruction[] | null, bytes: Buffer): boolean {
  return program === null || interpret(program, bytes) > 0;
}

const one = (config: RoleConfig, ...macs: number[]): FilterRole => ({ config, macs, l2cp: false });

/** Addresses of one kind: of one vendor in a row, of one vendor, of a few, of many, with the same last bytes. */
const someMacs = (most: number): fc.Arbitrary<number[]> =>
  fc.oneof(
    fc
      .tuple(fc.nat(0xffff), fc.integer({ min: 1, max: most }))
      .map(([first, count]) => Array.from({ length: count }, (_, i) => 0x525400000000 + first + i)),
    fc.array(
      fc.nat(0xffffff).map((nic) => 0x525400000000 + nic),
      { minLength: 1, maxLength: most, size: 'max' },
    ),
    fc.array(
      fc
        .tuple(fc.constantFrom(0x525400, 0x001122, 0xfe5400, 0x0200c2, 0xfefefe), fc.nat(0xffffff))
        .map(([oui, nic]) => oui * 0x1000000 + nic),
      { minLength: 1, maxLength: most, size: 'max' },
    ),
    fc.array(
      fc.maxSafeNat().map((n) => Math.floor((n % 2 ** 48) / 2 ** 41) * 2 ** 41 + (n % 2 ** 40)),
      {
        minLength: 1,
        maxLength: most,
        size: 'max',
      },
    ),
    fc.array(
      fc.tuple(fc.nat(0x7f), fc.nat(3)).map(([oui, nic]) => oui * 0x2000000 + nic),
      {
        minLength: 1,
        maxLength: most,
        size: 'max',
      },
    ),
  );

const someConfig = fc.constantFrom(HOST, PROXY, PROXY, QUIET, BRIDGE);
const relaying = fc.constantFrom(HOST, PROXY, PROXY, QUIET);

/** Handlers of one address each, and others with parts of the same addresses, so that they overlap. */
const someHandlers = (config: fc.Arbitrary<RoleConfig>, most: number): fc.Arbitrary<FilterRole[]> =>
  fc.tuple(someMacs(most), fc.array(fc.nat(), { maxLength: 4 })).chain(([macs, cuts]) => {
    const groups = cuts.map((cut) => macs.slice(cut % macs.length, (cut % macs.length) + 1 + (cut % 40)));
    const sets = [...macs.map((mac) => [mac]), ...groups];
    return fc
      .tuple(
        fc.array(config, { minLength: sets.length, maxLength: sets.length }),
        fc.array(fc.boolean(), { minLength: sets.length, maxLength: sets.length }),
        fc.nat(sets.length),
      )
      .map(([configs, l2cps, from]) =>
        sets
          .map((each, index) => ({ config: configs[index]!, macs: each, l2cp: l2cps[index]! }))
          .slice(cuts.length > 2 ? from : 0),
      );
  });

/** Addresses of frames that could be mistaken: those of the Handlers, their neighbours, with another vendor; groups. */
function someAddress(handlers: readonly FilterRole[]): fc.Arbitrary<number> {
  const macs = handlers.flatMap((handler) => handler.macs);
  const own = fc.constantFrom(...(macs.length > 0 ? macs : [VM]));
  return fc.oneof(
    own,
    own,
    fc
      .tuple(own, fc.constantFrom(-1, 1, 2, 0x100, 2 ** 24, -(2 ** 24), 2 ** 32, 2 ** 40))
      .map(([mac, by]) => {
        return (mac + by + 2 ** 48) % 2 ** 48;
      }),
    fc.tuple(own, own).map(([a, b]) => Math.floor(a / 2 ** 24) * 2 ** 24 + (b % 2 ** 24)),
    fc.constantFrom(
      BROADCAST,
      MULTICAST,
      LLDP,
      0x0180c2000000,
      0x0180c2000010,
      0x0180c3000000,
      0xffffff000000,
    ),
    fc.constantFrom(0xffff00000000, 0x0000ffffffff, 0x333300000001, 0xfffffffffffe, 0),
    fc.maxSafeNat().map((n) => n % 2 ** 48),
  );
}

type Addresses = [destination: number, source: number, tags: number[]];

const someFrames = (handlers: readonly FilterRole[]): fc.Arbitrary<Addresses[]> =>
  fc.array(
    fc.tuple(
      someAddress(handlers),
      someAddress(handlers),
      fc.array(fc.constantFrom(0x8100, 0x88a8), { maxLength: 2 }),
    ),
    { minLength: 30, maxLength: 60 },
  );

const withFrames = (handlers: fc.Arbitrary<FilterRole[]>): fc.Arbitrary<[FilterRole[], Addresses[]]> =>
  handlers.chain((each) => fc.tuple(fc.constant(each), someFrames(each)));

function sameAsPredicates(handlers: readonly FilterRole[], frames: readonly Addresses[]): void {
  const program = compileFilter(handlers);
  if (program !== null) acceptable(program);
  for (const [destination, source, tags] of frames) {
    const bytes = frame(destination, source, tags);
    const what = `${source.toString(16)} → ${destination.toString(16)}`;
    assert.is(passes(program, bytes), wanted(handlers, bytes), what);
  }
}

test('it passes just what the predicates pass: a few Handlers of all roles', () => {
  const pool = [VM, VM + 1, OTHER, 0x525400ffffff, 0x525480000000, 0x0200c2000001, 0xfe5400000001];
  const handler = fc.record({
    config: someConfig,
    macs: fc.array(fc.constantFrom(...pool), { minLength: 1, maxLength: 4 }),
    l2cp: fc.boolean(),
  });
  fc.assert(
    fc.property(withFrames(fc.array(handler, { maxLength: 4 })), ([handlers, frames]) => {
      sameAsPredicates(handlers, frames);
    }),
    { numRuns: 150 },
  );
});

test('it passes just what the predicates pass: many Handlers of mixed roles and addresses', () => {
  for (const config of [relaying, someConfig, fc.constantFrom(PROXY, QUIET), fc.constant(PROXY)]) {
    fc.assert(
      fc.property(withFrames(someHandlers(config, 150)), ([handlers, frames]) => {
        sameAsPredicates(handlers, frames);
      }),
      { numRuns: 25 },
    );
  }
});

test('with too little room it passes more, and never less; and it keeps to its room', () => {
  const room = fc.constantFrom(20, 40, 60, 100, 200, 400, 1000);
  fc.assert(
    fc.property(withFrames(someHandlers(relaying, 200)), room, ([handlers, frames], most) => {
      const program = compileFilter(handlers, most);
      if (program === null) return assert.ok(most < 60, 'sixty are always enough');
      acceptable(program);
      assert.ok(program.length <= most);
      for (const [destination, source, tags] of frames) {
        const bytes = frame(destination, source, tags);
        if (wanted(handlers, bytes)) assert.ok(passes(program, bytes));
      }
    }),
    { numRuns: 100 },
  );
});

/** Spread over one vendor's range. */
const spread = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => 0x525400000000 + ((i * 0x9e3779b1) % 2 ** 24));
/** With a vendor of its own each. */
const scattered = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => 0x020000000000 + i * 0x1000000 + ((i * 0x9e3779b1) % 2 ** 24));

const length = (handlers: readonly FilterRole[]): number => compileFilter(handlers)!.length;

test('an address costs one and a quarter instructions, or three and a quarter where vendors differ', () => {
  for (const [macs, each] of [
    [spread, 1.3],
    [scattered, 3.3],
  ] as const) {
    const proxies = (count: number) => macs(count).map((mac) => one(PROXY, mac));
    const many = length(proxies(1000)) - length(proxies(100));
    assert.ok(many / 900 < each, `${many / 900}`);
    assert.is(length([one(HOST, ...macs(1000))]), length(macs(1000).map((mac) => one(HOST, mac))));
    // Older kernels give 20 KiB by default, and take 8 bytes an instruction.
    assert.ok(inKernel(compileFilter(proxies(600))!) < 2400);
  }
  assert.ok(length(Array.from({ length: 3000 }, (_, i) => one(PROXY, VM + i))) < 60, 'a row is one range');
});

test('the most that fit are exact, and more get a filter that other frames hardly pass', () => {
  for (const macs of [
    spread(3000),
    scattered(1200),
    spread(4000),
    scattered(4000),
    spread(10_000),
    scattered(10_000),
  ]) {
    const handlers = macs.map((mac, i) => one(i % 7 === 0 ? QUIET : PROXY, mac));
    const program = compileFilter(handlers)!;
    acceptable(program);
    const all = new Set(macs);
    let wrong = 0;
    for (let i = 0; i < 1000; i++) {
      const mac = macs[(i * 7919) % macs.length]!;
      assert.ok(passes(program, frame(mac, OTHER)));
      assert.not(passes(program, frame(mac, mac)), 'from the station to itself');
      const stranger = Math.floor(mac / 2 ** 24) * 2 ** 24 + ((i * 0x85ebca6b) % 2 ** 24);
      if (!all.has(stranger) && passes(program, frame(stranger, OTHER))) wrong++;
    }
    if (macs.length <= 3000) assert.is(wrong, 0);
    assert.ok(wrong < 500, `${wrong} of 1000 pass without need`);
  }
});

test('1,024 addresses of one Handler fit', () => {
  const macs = Array.from({ length: 1024 }, (_, i) => VM + i * 0x10003);
  for (const config of [HOST, PROXY, QUIET]) {
    const handlers = [one(config, ...macs)];
    const program = compileFilter(handlers)!;
    acceptable(program);
    for (const mac of [...macs, VM - 1, VM + 1, VM + 1024 * 0x10003]) {
      for (const bytes of [
        frame(mac, OTHER),
        frame(OTHER, mac),
        frame(BROADCAST, mac),
        frame(mac, macs[5]!),
      ]) {
        assert.is(passes(program, bytes), wanted(handlers, bytes));
      }
    }
  }
});

test('no filter where everything passes, or no room at all; none passes without Handlers', () => {
  assert.is(compileFilter([{ config: BRIDGE, macs: [], l2cp: true }]), null);
  assert.is(compileFilter([one(PROXY, VM)], 5), null);
  assert.is(passes(compileFilter([]), frame(BROADCAST, VM)), false);
});

test.run();
