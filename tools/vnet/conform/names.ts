/** Names that lines of the protocol are made of. */
import type { Target } from './target.ts';

/** An interface that no machine has. */
export const NO_DEVICE = 'vnconf-none';
/** A Handler that no server has. */
export const NO_HANDLER = 'f0'.repeat(16);
export const NO_PEER = 'peer:vnconf-nobody';

/** What a line speaks of. */
export interface Names {
  readonly target: Target;
  /** The Handler that the case is about. */
  readonly id: string;
  readonly mac: string;
  /** `<remote>` of HANDLE. */
  readonly remote: string;
  /** A Handler that stands already, where the case has one. */
  readonly standing?: { readonly id: string; readonly mac: string };
}

/** Positional arguments that a line may have in place of the right ones. */
export interface Instead {
  readonly id?: string;
  readonly remote?: string;
  readonly auth?: string;
  readonly local?: string;
  readonly far?: string;
  readonly roles?: string;
  readonly macs?: string;
  readonly options?: string;
}

/** HANDLE: the server under test plays the Host, so that `mac` is the address of a machine on its device. */
export function handleLine(names: Names, instead: Instead = {}): string {
  const { target, remote, mac } = names;
  return [
    'HANDLE',
    instead.remote ?? remote,
    instead.auth ?? 'password:conformance',
    instead.local ?? target.device,
    instead.far ?? 'br0',
    instead.roles ?? 'HOST PROXY',
    instead.macs ?? mac,
    instead.options ?? '',
  ]
    .filter((word) => word !== '')
    .join(' ');
}

/** BEGIN: the server under test plays the Host. */
export function beginLine(names: Names, instead: Instead = {}): string {
  const { target, id, mac } = names;
  return [
    'BEGIN',
    instead.id ?? id,
    instead.local ?? target.device,
    instead.far ?? 'br0',
    instead.roles ?? 'HOST PROXY',
    instead.macs ?? mac,
    instead.options ?? 'offload=off mtu=1500',
  ]
    .filter((word) => word !== '')
    .join(' ');
}

/** The same device by a form that does not go with the first: other options, so another segment on one interface. */
export function otherForm({ device }: Target): string {
  if (!device.startsWith('tap:')) return device.startsWith('pcap:') ? device.slice(5) : `pcap:${device}`;
  return device.includes('?') ? device.slice(0, device.indexOf('?')) : `${device}?mtu=1400`;
}
