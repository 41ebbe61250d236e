/** Which rule decided on a frame, and on what, in one sentence for people. It repeats no decision: it is given one. */
import { destination, isBroadcast, isGroup, source } from '../../machines/frames/ethernet.ts';
import { frameOffset } from '../../machines/frames/records.ts';
import { formatMac, macNumber } from '../../machines/protocol/mac.ts';
import type { HandlerOptions, RoleConfig } from '../../machines/protocol/types.ts';
import type { Direction, Verdict } from './observer.ts';

/** A Handler, as far as its rules go. */
export interface Rules {
  readonly config: RoleConfig;
  readonly macs: readonly string[];
  readonly options: HandlerOptions;
  /** MTU of its own device; undefined without one. */
  readonly mtu: number | undefined;
  /** MTU of the other end's; undefined before there was a wire. */
  readonly farMtu: number | undefined;
}

export function explain(direction: Direction, verdict: Verdict, rules: Rules, record: Buffer): string {
  const frame = frameOffset(record, 0);
  const length = record.length - frame;
  switch (verdict) {
    case 'carried':
      return direction === 'tx' ? wanted(rules, record, frame) : allowed(rules, record, frame);
    case 'filtered':
      return direction === 'tx' ? unwanted(rules, record, frame) : notForUs(rules, record, frame);
    case 'spoofed':
      return `${role(rules)} takes from the other end only what comes from its MAC addresses (${list(rules)}); the source is ${from(record, frame)}`;
    case 'loop':
      return `the source ${from(record, frame)} is a VM of a HOST Handler on this very device: the frame has gone round`;
    case 'l2cp':
      return `${to(record, frame)} is a link-local control address, and l2cp=off`;
    case 'no-carrier':
      return 'the Handler has no wire now';
    case 'too-big':
      return direction === 'tx'
        ? `${length} bytes do not fit the MTU ${rules.farMtu ?? '-'} of the other end's device (${most(rules.farMtu)} bytes with header)`
        : `${length} bytes do not fit the MTU ${rules.mtu ?? '-'} of the device here (${most(rules.mtu)} bytes with header)`;
    case 'merged':
      return 'it is several datagrams in one, and libpcap does not tell where to cut them';
    case 'own-wire':
      return 'it is a packet of a wire of this server: carried, it would feed itself';
    case 'rate':
      return cap(rules, isGroup(record, frame));
    case 'queue-full':
      return direction === 'tx'
        ? 'the wire is behind by more than its bound: it is slower than what comes'
        : "the device's queue is full";
    case 'tag-too-long':
      return 'with its VLAN tags it is longer than a captured interface takes: one tag beside the MTU, of TPID 0x8100';
    case 'device-refused':
      return 'the device takes no frames: it is down or gone';
    default:
      return `the frame cannot be carried (${verdict})`;
  }
}

const from = (record: Buffer, frame: number) => formatMac(source(record, frame));
const to = (record: Buffer, frame: number) => formatMac(destination(record, frame));
const most = (mtu: number | undefined) => (mtu === undefined ? '-' : String(mtu + 14));
const role = ({ config }: Rules) => `${config.role}${config.multicast ? '' : ':multicast=off'}`;

function list({ macs }: Rules): string {
  return macs.length <= 4 ? macs.join(', ') : `${macs.slice(0, 3).join(', ')} and ${macs.length - 3} more`;
}

function wanted(rules: Rules, record: Buffer, frame: number): string {
  if (rules.config.role === 'BRIDGE') return 'BRIDGE carries every frame';
  if (rules.config.role === 'HOST')
    return `HOST carries what its VMs send; the source is ${from(record, frame)}`;
  return `${role(rules)} carries what is for its VMs; the destination is ${to(record, frame)}`;
}

function allowed(rules: Rules, record: Buffer, frame: number): string {
  if (rules.config.role === 'BRIDGE') return 'BRIDGE takes every frame from the other end';
  if (rules.config.role === 'HOST')
    return `HOST takes what is for its VMs; the destination is ${to(record, frame)}`;
  return `${role(rules)} takes what comes from its VMs; the source is ${from(record, frame)}`;
}

function unwanted(rules: Rules, record: Buffer, frame: number): string {
  const sends = `${role(rules)} carries only what`;
  if (rules.config.role === 'HOST') {
    return `${sends} comes from its MAC addresses (${list(rules)}); the source is ${from(record, frame)}`;
  }
  if (isOwn(rules, source(record, frame))) {
    return `${sends} comes from others than its VMs; the source is ${from(record, frame)}, one of them`;
  }
  if (isGroup(record, frame) && !isBroadcast(record, frame)) {
    return `${role(rules)} carries no multicast; the destination is ${to(record, frame)}`;
  }
  return `${sends} is for its MAC addresses (${list(rules)}) or a group; the destination is ${to(record, frame)}`;
}

function notForUs(rules: Rules, record: Buffer, frame: number): string {
  return `${role(rules)} takes only what is for its MAC addresses (${list(rules)}) or a group; the destination is ${to(record, frame)}`;
}

function isOwn({ macs }: Rules, mac: number): boolean {
  return macs.some((one) => macNumber(one) === mac);
}

function cap({ options }: Rules, group: boolean): string {
  const caps = [
    ...(options.rate === undefined ? [] : [`rate=${options.rate}`]),
    ...(group && options.bcastRate !== undefined ? [`bcast-rate=${options.bcastRate}`] : []),
  ];
  return `${caps.join(' or ')} is used up at this moment`;
}
