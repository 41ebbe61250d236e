/**
 * Tunnels built the slow and obvious way: an Ethernet frame goes into outer headers, from the inside outwards, to check
 * the fast code against.
 */
import { build, type Offload, offloadRecord, type Packet, slowSegments, slowSum } from './packets.ts';

/** What goes between two IP headers. Only `ethernet` says that the inner Ethernet header goes along. */
export interface Shell {
  readonly name: string;
  readonly version: 4 | 6;
  readonly protocol: number;
  /** Behind the IP header; its length and checksum are filled in. */
  readonly header: (inner: { readonly version: 4 | 6 }) => Buffer;
  readonly ethernet: boolean;
  /** Offset of the checksum in `header`; undefined where it has none. A UDP header has its length, too. */
  readonly checksum?: number;
  readonly udp?: boolean;
  readonly tags?: readonly number[];
}

const ETHERTYPES = { 4: [0x08, 0x00], 6: [0x86, 0xdd] } as const;
const udp = (port: number) => Buffer.from([0xc0, 0x01, port >> 8, port & 255, 0, 0, 0, 0]);
const VXLAN = [0x08, 0, 0, 0, 0, 0, 42, 0];
const BRIDGING = [0x65, 0x58];

type Rest = Omit<Shell, 'version' | 'name'>;

const KINDS: readonly (Rest & { readonly name: string })[] = [
  { name: 'VXLAN', protocol: 17, udp: true, ethernet: true, header: () => join(udp(4789), VXLAN) },
  {
    name: 'VXLAN with checksums',
    protocol: 17,
    udp: true,
    checksum: 6,
    ethernet: true,
    header: () => join(udp(8472), VXLAN),
  },
  {
    name: 'Geneve with options and checksums',
    protocol: 17,
    udp: true,
    checksum: 6,
    ethernet: true,
    header: () => join(udp(6081), [2, 0, ...BRIDGING, 0, 0, 42, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
  },
  {
    name: 'Geneve of IP',
    protocol: 17,
    udp: true,
    ethernet: false,
    header: ({ version }) => join(udp(6081), [0, 0, ...ETHERTYPES[version], 0, 0, 42, 0]),
  },
  { name: 'IP in UDP', protocol: 17, udp: true, checksum: 6, ethernet: false, header: () => udp(5555) },
  {
    name: 'MPLS in UDP',
    protocol: 17,
    udp: true,
    ethernet: false,
    header: () => join(udp(6635), [0, 16, 1, 64]),
  },
  {
    name: 'GRE',
    protocol: 47,
    ethernet: false,
    header: ({ version }) => Buffer.from([0, 0, ...ETHERTYPES[version]]),
  },
  {
    name: 'GRE of Ethernet with key and checksum',
    protocol: 47,
    checksum: 4,
    ethernet: true,
    header: () => Buffer.from([0xa0, 0, ...BRIDGING, 0, 0, 0, 0, 1, 2, 3, 4]),
  },
  { name: 'IP in IP', protocol: -1, ethernet: false, header: () => Buffer.alloc(0) },
];

const VERSIONS = [4, 6] as const;

/** Every kind over IPv4 and IPv6, and one behind tags. */
export const SHELLS: readonly Shell[] = [
  ...VERSIONS.flatMap((version) =>
    KINDS.map((kind) => ({ ...kind, version, name: `${kind.name} over IPv${version}` })),
  ),
  { ...KINDS[0]!, version: 4, tags: [0x88a8, 0x8100, 0x8100], name: 'VXLAN behind three tags' },
];

/** Those that nothing but csum_start tells from other bytes. */
export const UNSHAPED = /IP in UDP|MPLS/;

function join(head: Buffer, rest: readonly number[]): Buffer {
  return Buffer.concat([head, Buffer.from(rest)]);
}

interface Wrapped {
  readonly frame: Buffer;
  /** Bytes in front of the inner frame, or of the inner packet. */
  readonly front: number;
}

/**
 * Puts a frame (with an Ethernet header without tags) into the tunnel.
 * @param identification of the outer IPv4 header
 * @param partial the outer checksum is only started, as the kernel leaves it in a super-frame
 */
export function wrap(shell: Shell, frame: Buffer, identification: number, partial = false): Wrapped {
  const version = (frame.readUInt16BE(12) === 0x0800 ? 4 : 6) as 4 | 6;
  const inner = shell.ethernet ? frame : frame.subarray(14);
  const body = Buffer.concat([shell.header({ version }), inner]);
  const protocol = shell.protocol < 0 ? (version === 4 ? 4 : 41) : shell.protocol;
  const addresses = Buffer.from(Array.from({ length: shell.version === 4 ? 8 : 32 }, (_, i) => 0xa0 + i));
  const pseudo = Buffer.concat([addresses, Buffer.from([0, protocol, 0, 0, 0, 0])]);
  pseudo.writeUInt32BE(body.length, pseudo.length - 4);
  if (shell.udp) body.writeUInt16BE(body.length, 4);
  if (shell.checksum !== undefined) {
    const covered = shell.udp ? Buffer.concat([pseudo, body]) : body;
    const checksum = partial && shell.udp ? slowSum(pseudo) : 0xffff - slowSum(covered);
    body.writeUInt16BE(checksum === 0 && shell.udp ? 0xffff : checksum, shell.checksum);
  }
  const tags = (shell.tags ?? []).flatMap((tpid) => [tpid >> 8, tpid & 255, 0, 5]);
  const ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...tags, ...ETHERTYPES[shell.version]];
  const ip =
    shell.version === 4 ? ipv4(protocol, body, addresses, identification) : ipv6(protocol, body, addresses);
  const head = Buffer.concat([Buffer.from(ethernet), ip]);
  return { frame: Buffer.concat([head, body]), front: head.length + body.length - inner.length };
}

function ipv4(protocol: number, body: Buffer, addresses: Buffer, identification: number): Buffer {
  const header = Buffer.concat([Buffer.from([0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0]), addresses]);
  header.writeUInt16BE(20 + body.length, 2);
  header.writeUInt16BE(identification, 4);
  header.writeUInt16BE(0xffff - slowSum(header), 10);
  return header;
}

function ipv6(protocol: number, body: Buffer, addresses: Buffer): Buffer {
  const header = Buffer.concat([Buffer.from([0x60, 0, 0, 1, 0, 0, protocol, 64]), addresses]);
  header.writeUInt16BE(body.length, 4);
  return header;
}

const IDENTIFICATION = 0xfffe;

/** The super-frame of a tunnel with this packet in it, as the kernel hands it to a capture. Shells from the outside. */
export function superTunnel(
  shells: readonly Shell[],
  packet: Packet,
  gsoSize: number,
  more: Offload = {},
): { readonly frame: Buffer; readonly record: Buffer; readonly data: number } {
  const built = build(packet, { partial: true });
  let { frame } = built;
  let before = 0;
  for (const shell of [...shells].reverse()) {
    const wrapped = wrap(shell, frame, IDENTIFICATION, true);
    before += wrapped.front - (shell.ethernet ? 0 : 14);
    frame = wrapped.frame;
  }
  const tcp = packet.protocol === 6;
  const record = offloadRecord(frame, {
    flags: 1,
    gsoType: tcp ? (packet.version === 4 ? 1 : 4) : 5,
    headerLength: before + built.data,
    gsoSize,
    csumStart: before + built.l4,
    csumOffset: tcp ? 16 : 6,
    ...more,
  });
  return { frame, record, data: before + built.data };
}

/** What a sender without offload would have sent: segments first, and then each into the tunnel. */
export function slowTunnel(shells: readonly Shell[], packet: Packet, size: number): Buffer[] {
  return slowSegments(packet, size).map((segment, index) => {
    const identification = (IDENTIFICATION + index) & 0xffff;
    return [...shells].reverse().reduce((frame, shell) => wrap(shell, frame, identification).frame, segment);
  });
}
