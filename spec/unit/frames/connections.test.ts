import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Connection, ConnectionTable } from '../../../machines/frames/connections.ts';
import { build, EXAMPLE, type Packet } from './packets.ts';

const test = suite('connections');

const ADDRESSES = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
const PORTS = [7411, 40_000] as const;

/** The connection whose frames have these, as this machine has it when the other one sends them. */
function connection(version: 4 | 6): Connection {
  const bytes = version === 4 ? 4 : 16;
  return {
    remoteAddress: ADDRESSES.subarray(0, bytes),
    remotePort: PORTS[0],
    localAddress: ADDRESSES.subarray(bytes, 2 * bytes),
    localPort: PORTS[1],
  };
}

function table(...connections: readonly Connection[]): ConnectionTable {
  const made = new ConnectionTable();
  for (const one of connections) made.add(one);
  return made;
}

const frameOf = (changes: Partial<Packet>): Buffer =>
  build({ ...EXAMPLE, addresses: ADDRESSES, ports: PORTS, ...changes }).frame;

/** The other way. */
const back = (version: 4 | 6): Partial<Packet> => {
  const bytes = version === 4 ? 4 : 16;
  const addresses = Uint8Array.from([
    ...ADDRESSES.subarray(bytes, 2 * bytes),
    ...ADDRESSES.subarray(0, bytes),
    ...ADDRESSES.subarray(2 * bytes),
  ]);
  return { addresses, ports: [PORTS[1], PORTS[0]] };
};

for (const version of [4, 6] as const) {
  const own = table(connection(version));
  const has = (changes: Partial<Packet>) => {
    const frame = frameOf({ version, ...changes });
    // Somewhere in a buffer, as frames come.
    return own.has(Buffer.concat([Buffer.alloc(9), frame, Buffer.alloc(3)]), 9, 9 + frame.length);
  };

  test(`IPv${version}: both ways, whatever length, options and tags`, () => {
    for (const payload of [new Uint8Array(0), new Uint8Array(1), new Uint8Array(60_000)]) {
      for (const tags of [[], [0x8100], [0x88a8, 0x8100]]) {
        const extra =
          version === 4 ? { ipOptions: new Uint8Array(8) } : { extensions: [{ kind: 60, units: 1 }] };
        for (const more of [{}, extra, { tcpOptions: new Uint8Array(0) }]) {
          assert.ok(has({ payload, tags, ...more }));
          assert.ok(has({ payload, tags, ...more, ...back(version) }));
        }
      }
    }
  });

  test(`IPv${version}: another address, port or protocol is another connection`, () => {
    for (let at = 0; at < (version === 4 ? 8 : 32); at++) {
      const addresses = Uint8Array.from(ADDRESSES);
      addresses[at]! ^= 0x80;
      assert.not(has({ addresses }), `byte ${at}`);
    }
    assert.not(has({ ports: [7411, 40_001] }));
    assert.not(has({ ports: [7412, 40_000] }));
    assert.not(has({ ports: [40_000, 7411] }));
    assert.not(has({ protocol: 17 }));
  });
}

test('fragments are known by their addresses: all but the first have no ports', () => {
  const own = table(connection(4));
  for (const fragmentField of [0x2000, 0x2010, 0x0010]) {
    const frame = frameOf({ fragmentField, payload: new Uint8Array(100) });
    assert.ok(own.has(frame, 0, frame.length));
    const others = frameOf({ fragmentField, addresses: ADDRESSES.map((byte) => byte ^ 1) });
    assert.not(own.has(others, 0, others.length));
  }
  const frame = frameOf({ version: 6, extensions: [{ kind: 44, units: 0 }] });
  assert.ok(table(connection(6)).has(frame, 0, frame.length));
});

test('a connection is in it as often as it was added', () => {
  const own = new ConnectionTable();
  const frame = frameOf({});
  const known = () => own.has(frame, 0, frame.length);
  assert.not(known());
  own.add(connection(4));
  own.add(connection(4));
  own.delete(connection(4));
  assert.ok(known());
  own.delete(connection(4));
  assert.not(known());
});

test('takes any bytes, and reads none behind the frame', () => {
  const own = table(connection(4), connection(6));
  const heads = ['0800', '86dd', '8100', '8864', '0806'].map((hex) => Buffer.from(hex, 'hex'));
  const bytes = fc.tuple(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 120 }));
  fc.assert(
    fc.property(bytes, ([type, rest]) => {
      const frame = Buffer.concat([Buffer.alloc(12), type, rest]);
      own.has(frame, 0, frame.length);
    }),
  );
  const cut = frameOf({ payload: new Uint8Array(0), tcpOptions: new Uint8Array(0) });
  for (let end = 14; end < 14 + 20 + 4; end++) assert.not(own.has(cut, 0, end), `${end} bytes`);
});

test.run();
