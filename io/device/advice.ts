/** What an open device has to tell a person who looks at standard error, once each. */
export type Advise = (text: string) => void;

/** For a captured interface that refused a frame for its VLAN tags. */
export const TAGS_REFUSED =
  'frames of full length with a VLAN tag of TPID 0x88a8 or 0x9100, or with two tags, are refused by the kernel on a captured interface (tag-too-long): tap:NAME?bridge=BR takes them, or make the MTU of this one 4 or 8 bytes more';

/** For a `pcap:` device that is not told of the sizes of datagrams. */
export const DATAGRAMS_MERGED =
  'datagrams that an offload has put together cannot be told apart here: they are dropped where they are longer than the MTU (merged), and cross as one where not. Turn off tx-udp-segmentation, rx-udp-gro-forwarding and rx-gro-list of this interface (ethtool -K), and of the other end of a virtual cable, or take packet: in place of pcap:';

/** For a `pcap:` device on which longer frames come than libpcap reads. */
export const FRAMES_TOO_LONG =
  'super-frames of more than 64 KiB come here (BIG TCP), which libpcap cannot read: they are lost (kernel_dropped). Set gso_max_size and gro_max_size to 65536 (ip link set), or take packet: in place of pcap:';

/** Hands each text on the first time only. */
export function once(advise: Advise): Advise {
  const told = new Set<string>();
  return (text) => {
    if (told.has(text)) return;
    told.add(text);
    advise(text);
  };
}
