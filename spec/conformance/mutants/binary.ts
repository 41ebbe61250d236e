/** Wrong servers in the binary phase. */
import {
  BYE,
  encodeBye,
  encodePing,
  FRAME,
  MAX_LENGTH,
  OFFLOAD,
  PING,
  PONG,
} from '../../../machines/frames/records.ts';
import type { Mangler, Side } from './mangle.ts';
import { hears, type Mutant, mutant } from './text.ts';

/** The first byte of what comes in is a record's type: the suite sends a record at a time. */
const retyped = (change: (type: number, chunk: Buffer) => number | undefined) => ({
  in(chunk: Buffer, side: Side): Buffer | undefined {
    if (!side.binary || chunk.length < 4) return undefined;
    const type = change(chunk[0]!, chunk);
    if (type === undefined) return undefined;
    const other = Buffer.from(chunk);
    other[0] = type;
    return other;
  },
});

/** Frames that come in are changed before they are judged: what should have been stopped passes. */
const reframed = (change: (frame: Buffer, side: Side) => void) => ({
  in(chunk: Buffer, side: Side): Buffer | undefined {
    if (!side.binary || chunk[0] !== FRAME || chunk.length < 32) return undefined;
    const other = Buffer.from(chunk);
    change(other.subarray(4), side);
    return other;
  },
});

const lost = (chunk: Buffer, side: Side, when: boolean): Buffer | undefined =>
  side.binary && when ? chunk.subarray(0, 0) : undefined;
const isBye = (record: Buffer, reason?: string): boolean =>
  record[0] === BYE && (reason === undefined || record.subarray(4).toString() === reason);
/** Length that the header of a record says. */
const said = (chunk: Buffer): number => (chunk.length < 4 ? 0 : chunk.readUIntBE(1, 3));
/** The machine's address, as it stands in the BEGIN that was heard. */
const macOf = ({ heard }: Side): Buffer =>
  Buffer.from((/ (02(?::[0-9a-f]{2}){5})/.exec(heard)?.[1] ?? '').replaceAll(':', ''), 'hex');
const isProxy = ({ heard }: Side): boolean => heard.includes(' PROXY HOST ');

export const BINARY_MUTANTS: readonly Mutant[] = [
  mutant('PONG with other bytes', 'records/pongs', {
    record(record) {
      if (record[0] !== PONG) return undefined;
      const other = Buffer.from(record);
      other[11] = other[11]! ^ 1;
      return [other];
    },
  }),
  mutant('PONG is never sent', 'records/pongs', {
    record: (record) => (record[0] === PONG ? [] : undefined),
  }),
  mutant('PONG twice', 'records/pongs', {
    record: (record) => (record[0] === PONG ? [record, record] : undefined),
  }),
  mutant(
    'no PING at once from an initiator',
    'initiator/handling/BEGIN-taken'.replace('BEGIN-taken', 'BEGIN taken'),
    {
      record: (record, { dialled }) => (dialled && record[0] === PING ? [] : undefined),
    },
  ),
  mutant('no PING every 5 s', 'records/pings', {
    record: (record, { dialled }) => (!dialled && record[0] === PING ? [] : undefined),
  }),
  mutant('BYE is not answered', ['responder/binary-heard/BYE', 'initiator/binary-again-heard/BYE'], {
    in(chunk, side) {
      if (side.binary && chunk[0] === BYE) side.note = 1;
      return undefined;
    },
    ending: ({ note }) => note === 0,
  }),
  mutant('closes without BYE', 'responder/binary-heard/CLOSE', {
    record: (record) => (isBye(record) ? [] : undefined),
  }),
  mutant('BYE with another reason', 'responder/binary-heard/CLOSE', {
    record: (record) => (isBye(record, 'closed') ? [encodeBye('shutting-down')] : undefined),
  }),
  mutant('the old wire is not told that it was replaced', 'responder/binary-heard/BEGIN', {
    record: (record) => (isBye(record, 'replaced') ? [] : undefined),
  }),
  mutant('stays open behind its BYE', 'responder/binary-heard/protocol error', {
    record(record, side) {
      if (isBye(record)) side.note = 1;
      return undefined;
    },
    ending: ({ note }) => note === 0,
  }),
  mutant('a BYE closed leaves the Handler', 'responder/binary-heard/BYE closed', {
    in: (chunk, side) => (side.binary && isBye(chunk) ? encodeBye('shutting-down') : undefined),
  }),
  mutant(
    'a BYE shutting-down ends the Handler',
    ['responder/binary-heard/BYE', 'initiator/binary-again-heard/BYE'],
    {
      in: (chunk, side) => (side.binary && isBye(chunk, 'shutting-down') ? encodeBye('closed') : undefined),
    },
  ),
  mutant(
    '0x80 and above is a protocol error',
    'records/ignored',
    retyped((type) => (type >= 0x80 ? 0x05 : undefined)),
  ),
  mutant(
    'unknown types below 0x80 are ignored',
    'records/unknown',
    retyped((type) => (type > BYE ? 0x80 : undefined)),
  ),
  mutant('FRAMEs of 13 bytes', 'records/short-frame', {
    in: (chunk, side) => lost(chunk, side, chunk[0] === FRAME && said(chunk) === 13),
  }),
  mutant('records of any length', 'records/long', {
    in: (chunk, side) => lost(chunk, side, said(chunk) > MAX_LENGTH),
  }),
  mutant(
    'ignored records of 1,000 bytes at most',
    'records/ignored',
    retyped((type, chunk) => (type >= 0x80 && said(chunk) > 1000 ? 0x05 : undefined)),
  ),
  mutant(
    'OFFLOAD though nobody agreed',
    'records/offload',
    retyped((type) => (type === OFFLOAD ? 0x80 : undefined)),
  ),
  mutant(
    'a wrong virtio header ends the wire',
    'records/bad-offload',
    retyped((type) => (type === OFFLOAD ? 0x06 : undefined)),
  ),
  mutant('records have to come whole', 'records/pieces', {
    in: (chunk, side) => lost(chunk, side, chunk.length === 1),
  }),
  mutant('loses what stands behind the OK', 'records/behind-ok', {
    in(chunk, { dialled, binary }) {
      const end = chunk.indexOf(0x0a) + 1;
      return dialled && !binary && chunk.toString('latin1', 0, 11) === 'OK handler='
        ? chunk.subarray(0, end)
        : undefined;
    },
  }),
  mutant('every frame twice', 'frames/unicast', {
    record: (record) => (record[0] === FRAME ? [record, record] : undefined),
  }),
  mutant('frames overtake each other', 'frames/order', {
    record(record, { held }) {
      if (record[0] !== FRAME || record.readUInt32BE(18) === 0xffffffff) return [...held.splice(0), record];
      if (held.length === 0) {
        held.push(Buffer.from(record));
        return [];
      }
      return [record, ...held.splice(0)];
    },
  }),
  mutant('frames come back', 'frames/no-echo', {
    in(chunk, side) {
      if (side.binary && chunk[0] === FRAME) side.held.push(Buffer.from(chunk));
      return undefined;
    },
    record: (record, { held }) => [...held.splice(0), record],
  }),
  mutant(
    'spoofed sources pass',
    'frames/spoofed',
    reframed((frame, side) => void (isProxy(side) && macOf(side).copy(frame, 6))),
  ),
  mutant(
    'a loop is not seen',
    'frames/loop',
    reframed((frame, side) => {
      if (!isProxy(side) && frame.subarray(6, 12).equals(macOf(side))) frame[11] = frame[11]! ^ 1;
    }),
  ),
  mutant(
    'frames for others pass',
    'frames/filtered',
    reframed((frame, side) => {
      if (!isProxy(side) && (frame[0]! & 1) === 0) macOf(side).copy(frame, 0);
    }),
  ),
  mutant(
    'link-local control crosses',
    'frames/control-off',
    reframed((frame) => {
      if (frame.subarray(0, 3).toString('hex') === '0180c2') frame[2] = 0x5e;
    }),
  ),
  mutant('too long frames are cut', 'frames/too-big', {
    in(chunk, side) {
      if (!side.binary || chunk[0] !== FRAME || said(chunk) <= 1514) return undefined;
      const other = Buffer.from(chunk.subarray(0, 4 + 1514));
      other.writeUIntBE(1514, 1, 3);
      return other;
    },
  }),
  mutant('VLAN tags are lost', 'frames/tagged', {
    record(record) {
      if (record[0] !== FRAME || record.readUInt16BE(16) !== 0x8100) return undefined;
      const other = Buffer.concat([record.subarray(0, 16), record.subarray(20)]);
      other.writeUIntBE(other.length - 4, 1, 3);
      return [other];
    },
  }),
  mutant(
    'PROXY:multicast=off means nothing',
    'frames/multicast-off',
    hears((text) => text.replace('PROXY:multicast=off', 'PROXY')),
  ),
  mutant(
    'nothing is announced',
    'frames/announced',
    hears((text) => text.replace(' mtu=1500\n', ' mtu=1500 announce=off\n')),
  ),
  mutant('announces the first of its addresses only', 'frames/announced', {
    record: (record, side) => (isRarp(record) && side.note++ > 0 ? [] : undefined),
  }),
  mutant('announces by ARP', 'frames/announced', {
    record(record) {
      if (!isRarp(record)) return undefined;
      const other = Buffer.from(record);
      other.writeUInt16BE(0x0806, 16);
      return [other];
    },
  }),
  mutant('announces a second time only when it is begun anew', 'frames/announced-again', announcesOnce()),
  mutant(
    'a PROXY that dials announces nothing',
    'frames/announced-by-initiator',
    hears((text) => text.replace(/^(HANDLE .*)\n/, '$1 announce=off\n')),
  ),
  mutant('a HOST takes what another HOST here says', 'frames/loop-other', takesOtherHosts()),
  mutant(
    'a PROXY hands everything on',
    'frames/proxy-out',
    hears((text) => text.replace(/ br0 PROXY HOST \S+/, ' br9 BRIDGE BRIDGE *')),
  ),
  mutant(
    'a HOST hands everything on',
    'frames/host-out',
    hears((text) => text.replace(/ br0 HOST PROXY \S+/, ' br9 BRIDGE BRIDGE *')),
  ),
  mutant(
    'rate= means nothing',
    'frames/rate',
    hears((text) => text.replace(/ rate=\S+/, '')),
  ),
  mutant(
    'bcast-rate= means nothing',
    'frames/bcast-rate',
    hears((text) => text.replace(/ bcast-rate=\S+/, '')),
  ),
  mutant('keeps the MTU of the first BEGIN', 'frames/options-anew', keepsFirstOptions()),
  mutant('PINGs of any length', 'records/ping-7', {
    in: (chunk, side) => lost(chunk, side, chunk[0] === PING && said(chunk) !== 8),
  }),
  mutant('PONGs of any length', 'records/pong-9', {
    in: (chunk, side) => lost(chunk, side, chunk[0] === PONG && said(chunk) !== 8),
  }),
  mutant('super-frames of any length', 'records/long-offload', {
    in: (chunk, side) => lost(chunk, side, chunk[0] === OFFLOAD && said(chunk) > 12 + 65_575),
  }),
  mutant('a BYE that it does not know ends the Handler', 'records/bye-word', {
    in: (chunk, side) =>
      side.binary && isBye(chunk, 'gone-fishing') ? encodeBye('protocol-error') : undefined,
  }),
  mutant(
    'announces though it was told not to',
    'frames/not-announced',
    hears((text) => text.replace(' announce=off', '')),
  ),
  mutant(
    'the far MTU means nothing',
    'frames/far-mtu',
    hears((text) => text.replace('mtu=1000', 'mtu=1500')),
  ),
  mutant('a wire without a record is waited for', 'responder/binary/wire cut', {
    line(line, side) {
      if (line.startsWith('OK handler=') && !side.dialled) {
        queueMicrotask(() => side.inject(encodePing(PING, Buffer.alloc(8))));
      }
      return undefined;
    },
  }),
];

function isRarp(record: Buffer): boolean {
  return record[0] === FRAME && record.readUInt16BE(16) === 0x8035;
}

const idOf = (text: string): string | undefined => /^BEGIN (\S+) /.exec(text)?.[1];

/** From the second BEGIN of a Handler on it is not announced. */
function announcesOnce(): Mangler {
  const begun = new Set<string>();
  return hears((text) => {
    const id = idOf(text);
    if (id === undefined) return text;
    if (begun.has(id)) return text.replace('\n', ' announce=off\n');
    begun.add(id);
    return text;
  });
}

/** The second BEGIN of a Handler is heard with the options of the first. */
function keepsFirstOptions(): Mangler {
  const options = new Map<string, string>();
  return hears((text) => {
    const id = idOf(text);
    const [, mtu] = / (mtu=\d+)/.exec(text) ?? [];
    if (id === undefined || mtu === undefined) return text;
    const first = options.get(id) ?? mtu;
    options.set(id, first);
    return text.replace(/ mtu=\d+/, ` ${first}`);
  });
}

/** A source that is the address of a HOST Handler on another connection becomes another one. */
function takesOtherHosts(): Mangler {
  const macs = new Set<string>();
  const frames = reframed((frame, side) => {
    const source = frame.toString('hex', 6, 12);
    if (macs.has(source) && !frame.subarray(6, 12).equals(macOf(side))) frame[11] = frame[11]! ^ 1;
  });
  return {
    in(chunk, side) {
      const [, mac] = /^BEGIN .* HOST PROXY (\S+)/.exec(side.binary ? '' : chunk.toString('latin1')) ?? [];
      if (mac !== undefined) macs.add(mac.replaceAll(':', ''));
      return frames.in(chunk, side);
    },
  };
}
