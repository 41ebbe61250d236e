/** What an open device has to tell a person who looks at standard error, once each. */
export type Advise = (text: string) => void;

/** For a captured interface that refused a frame for its VLAN tags. */
export const TAGS_REFUSED =
  'frames of full length with a VLAN tag of TPID 0x88a8 or 0x9100, or with two tags, are refused by the kernel on a captured interface (tag-too-long): tap:NAME?bridge=BR takes them, or make the MTU of this one 4 or 8 bytes more';

/** Hands each text on the first time only. */
export function once(advise: Advise): Advise {
  const told = new Set<string>();
  return (text) => {
    if (told.has(text)) return;
    told.add(text);
    advise(text);
  };
}
