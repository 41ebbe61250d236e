/** The packets that super-frames are made of here: every version, protocol and number of VLAN tags. */
import { ACK, type Packet, PSH } from '../../unit/frames/packets.ts';

export const SEGMENT = 1300;

export function packet(version: 4 | 6, protocol: 6 | 17, tags: readonly number[], length: number): Packet {
  return {
    tags,
    destination: 0x02_00_00_00_00_01,
    source: 0x02_00_00_00_00_02,
    version,
    protocol,
    addresses: Uint8Array.from({ length: version === 4 ? 8 : 32 }, (_, i) => i + 16),
    identification: 0x1234,
    fragmentField: 0x4000,
    ipOptions: new Uint8Array(0),
    extensions: [],
    sequence: 0xfffff000,
    acknowledgement: 7,
    flags: ACK | PSH,
    window: 1000,
    urgent: 0,
    tcpOptions: new Uint8Array(12).fill(1),
    ports: [4000, 5000],
    payload: Uint8Array.from({ length }, (_, i) => i * 7),
  };
}

const TAGS: readonly (readonly number[])[] = [[], [0x8100], [0x88a8, 0x8100], [0x88a8, 0x8100, 0x8100]];

export const KINDS = ([4, 6] as const).flatMap((version) =>
  ([6, 17] as const).flatMap((protocol) =>
    TAGS.map((tags) => ({
      name: `IPv${version} ${protocol === 6 ? 'TCP' : 'UDP'} with ${tags.length} tags`,
      make: (length: number) => packet(version, protocol, tags, length),
    })),
  ),
);
