/** Servers that are wrong about further wires: each breaks one promise of section 6.1. */
import type { HandlerRegistry } from '../../../actors/handler/handlers.ts';
import type { Limits } from '../../../actors/limits.ts';
import { BYE, encodeBye, encodePing, FRAME, PING, PONG } from '../../../machines/frames/records.ts';
import type { Join } from '../../../machines/protocol/types.ts';
import { encodeRecord } from '../../../tools/vnet/conform/wire.ts';
import type { Fault } from '../in-process.ts';
import { type Mangler, mangled, type Side } from './mangle.ts';
import { hears, insideMutant, type Mutant, mutant } from './text.ts';

const HOUR = 3_600_000;

const isJoin = ({ heard }: Side): boolean => heard.startsWith('JOIN ');
/** A further wire of the server's own, behind the answer to its JOIN. */
const isOwnFurther = ({ dialled, heard }: Side): boolean => dialled && heard.includes(' wire=');
const isBye = (record: Buffer, reason: string): boolean =>
  record[0] === BYE && record.subarray(4).toString() === reason;

/** What JOIN is answered begins otherwise. */
const answersJoin = (from: string, to: string): Mangler => ({
  line: (line, side) => (isJoin(side) && line.startsWith(from) ? [line.replace(from, to)] : undefined),
});

/** A BYE that comes is taken for another one. */
const takes = (
  from: string,
  to: Parameters<typeof encodeBye>[0],
  where: (side: Side) => boolean,
): Mangler => ({
  in(chunk, side) {
    const at = side.binary && where(side) ? chunk.indexOf(encodeRecord(BYE, Buffer.from(from))) : -1;
    return at < 0 ? undefined : Buffer.concat([chunk.subarray(0, at), encodeBye(to)]);
  },
});

/** A wire that breaks is taken for the end of the Handler. */
const breaksAll = (where: (side: Side) => boolean): Mangler => ({
  ended(side) {
    if (side.binary && where(side)) side.inject(encodeBye('closed'));
    return true;
  },
});

const limits = (change: (limits: Limits) => Partial<Limits>): Fault => ({
  limits: (right) => ({ ...right, ...change(right) }),
});

/** JOIN is judged as if another identity had said it. */
const joinedAs = (whose: (handlers: HandlerRegistry, join: Join) => string | undefined): Fault => ({
  server({ handlers }) {
    const right = handlers.refuseJoin.bind(handlers);
    handlers.refuseJoin = (join, identity) => right(join, whose(handlers, join) ?? identity);
  },
});

const any = (): boolean => true;

export const WIRE_MUTANTS: readonly Mutant[] = [
  mutant('does not tell that it knows wires', 'wires/feature', {
    line: (line) => (line.startsWith('OK VNET/1') ? [line.replace(/ features=\S+/, '')] : undefined),
  }),
  mutant('tells of wires that nobody asked for', 'wires/unasked', {
    line: (line, { heard }) =>
      line.startsWith('OK handler=') && heard.startsWith('BEGIN') && !heard.includes(' wires=')
        ? [`${line} wires=1`]
        : undefined,
  }),
  mutant('takes JOIN though nobody asked for wires', 'wires/unasked', answersJoin('ERR 429', 'OK')),
  mutant('grants more wires than were asked for', 'wires/one', {
    line: (line) => (line.startsWith('OK handler=') ? [line.replace(/ wires=\d/, ' wires=8')] : undefined),
  }),
  mutant(
    'wires= of any number',
    'wires/option',
    hears((text) => text.replace(/ wires=(?:0|9)/, ' wires=2')),
  ),
  mutant('takes JOIN before HELLO', 'wires/early', answersJoin('ERR 401 not-authenticated', 'OK')),
  mutant(
    'another reason for a Handler that is none',
    'wires/unknown',
    answersJoin('ERR 404 no-such-handler', 'ERR 405 wrong-state'),
  ),
  mutant(
    'numbers from 0 to 9',
    'wires/number',
    hears((text) => text.replace(/^(JOIN \S+) [089]/, '$1 1')),
  ),
  mutant(
    'any number of wires',
    'wires/too-many',
    hears((text) => text.replace(/^(JOIN \S+) [2-7]/, '$1 1')),
  ),
  mutant('JOIN of a Handler without a wire', 'wires/before', answersJoin('ERR 405 wrong-state', 'OK')),
  mutant(
    'takes a wire of another identity',
    'wires/other-identity',
    joinedAs((handlers, { handler }) => handlers.responder(handler)?.context.identity),
  ),
  mutant(
    'another reason for another identity',
    'wires/other-identity',
    answersJoin('ERR 403 forbidden', 'ERR 404 no-such-handler'),
  ),
  mutant('OK for another wire', 'wires/join', {
    line: (line, side) => (isJoin(side) ? [line.replace(/ wire=1/, ' wire=2')] : undefined),
  }),
  mutant('a further wire is no wire', 'wires/join', {
    record: (record, side) => (isJoin(side) && record[0] !== BYE ? [] : undefined),
  }),
  mutant(
    'a Handler ends with its first wire',
    'wires/join',
    breaksAll((side) => !isJoin(side)),
  ),
  mutant('a Handler outlives its last wire', 'wires/join', { ended: (side) => !isJoin(side) }),
  mutant('a number that stands is refused', 'wires/taken-over', refusesTaken()),
  mutant('the old wire is not told', 'wires/taken-over', {
    record: (record) => (isBye(record, 'replaced') ? [] : undefined),
  }),
  mutant('BEGIN again replaces all wires', 'wires/begin-again', replacesAll()),
  mutant('BYE replaced ends the Handler', 'wires/bye-replaced', takes('replaced', 'closed', any)),
  mutant('BYE closed ends its wire only', 'wires/bye-closed', takes('closed', 'replaced', any)),
  mutant('CLOSE says BYE on wire 0 only', 'wires/close', {
    record: (record, side) => (isJoin(side) && record[0] === BYE ? [] : undefined),
  }),
  mutant('PINGs on wire 0 only', 'wires/pings', {
    record: (record, side) => (isJoin(side) && record[0] === PING ? [] : undefined),
  }),
  mutant('PINGs on further wires only', 'wires/pings', {
    record: (record, side) => (!isJoin(side) && record[0] === PING ? [] : undefined),
  }),
  insideMutant('a further wire that is silent stands for ever', 'wires/silence', {
    record(record, side) {
      if (isJoin(side) && record[0] === PING) {
        side.inject(encodePing(PONG, record.subarray(4)));
      }
      return undefined;
    },
  }),
  insideMutant('one silent wire ends the Handler', 'wires/silence', endsBySilence()),
  mutant('frames of wire 0 only', 'wires/frames', {
    in: (chunk, side) => (isJoin(side) && chunk[0] === FRAME ? chunk.subarray(0, 0) : undefined),
  }),
  mutant('frames of a further wire twice', 'wires/frames', {
    in: (chunk, side) =>
      side.binary && isJoin(side) && chunk[0] === FRAME ? Buffer.concat([chunk, chunk]) : undefined,
  }),
  mutant('frames of a flow overtake each other', 'wires/order', {
    record(record, { held }) {
      if (record[0] !== FRAME) return [...held.splice(0), record];
      if (held.length === 0) {
        held.push(Buffer.from(record));
        return [];
      }
      return [record, ...held.splice(0)];
    },
  }),
  mutant('loses what goes over further wires', 'wires/order', {
    record: (record, side) => (isJoin(side) && record[0] === FRAME ? [] : undefined),
  }),
  mutant('goes on over wires that may be broken', 'wires/doubt', neverDoubts()),
  mutant('asks for one wire', 'wires/asks', {
    line: (line, { dialled }) => (dialled ? [line.replace(/ wires=\d/, '')] : undefined),
  }),
  mutant('asks a server that does not know wires', 'wires/asks-not', {
    in: (chunk, { dialled, binary }) =>
      dialled && !binary && chunk.toString('latin1').startsWith('OK VNET/1')
        ? Buffer.from(chunk.toString('latin1').replace('\n', ' features=wires\n'), 'latin1')
        : undefined,
  }),
  mutant(
    'joins on a LAN',
    'wires/near',
    limits(() => ({ spreadRtt: 0 })),
  ),
  mutant(
    'never joins',
    'wires/initiator',
    limits(() => ({ spreadRtt: HOUR })),
  ),
  mutant('joins another number', 'wires/initiator', {
    line: (line, { dialled }) => (dialled ? [line.replace(/^(JOIN \S+) 1$/, '$1 2')] : undefined),
  }),
  mutant(
    'a further wire that was lost is dialled no more',
    'wires/initiator',
    limits(({ initiator }) => ({ initiator: { ...initiator, firstDelay: HOUR, lastDelay: HOUR } })),
  ),
  mutant('a further wire that breaks ends an initiator', 'wires/initiator', breaksAll(isOwnFurther)),
  mutant(
    'BYE replaced on a further wire ends an initiator',
    'wires/initiator',
    takes('replaced', 'closed', isOwnFurther),
  ),
  mutant('wire 0 again by JOIN', 'wires/initiator', beginsOnce()),
  mutant(
    '410 to such a BEGIN does not end an initiator',
    'wires/initiator',
    mangled({
      in: (chunk, side) =>
        side.dialled && !side.binary
          ? Buffer.from(chunk.toString('latin1').replace('ERR 410', 'ERR 409'), 'latin1')
          : undefined,
    }),
  ),
];

/** From the second BEGIN of a Handler on it says another verb. */
function beginsOnce(): Mangler {
  const begun = new Set<string>();
  return {
    line(line, { dialled }) {
      const [verb, id = ''] = line.split(' ');
      if (!dialled || verb !== 'BEGIN') return undefined;
      if (begun.has(id)) return [`JOIN ${id} 0`];
      begun.add(id);
      return undefined;
    },
  };
}

/** The second JOIN of a number is refused. */
function refusesTaken(): Mangler {
  const taken = new Set<string>();
  return {
    line(line, side) {
      if (!isJoin(side) || !line.startsWith('OK')) return undefined;
      if (taken.has(side.heard)) return ['ERR 409 handler-exists that wire stands'];
      taken.add(side.heard);
      return undefined;
    },
  };
}

/** What happens to the connections of a Handler that said JOIN when a record comes on one that began it again. */
function behindSecondBegin(then: (side: Side) => void): Mangler {
  const joined = new Map<string, Side[]>();
  const begun = new Set<string>();
  const again = new Set<Side>();
  return {
    line(line, side) {
      const [verb, id = ''] = side.heard.split(' ');
      if (!line.startsWith('OK handler=')) return undefined;
      if (verb === 'JOIN') joined.set(id, [...(joined.get(id) ?? []), side]);
      if (verb !== 'BEGIN') return undefined;
      if (begun.has(id)) again.add(side);
      begun.add(id);
      return undefined;
    },
    in(_, side) {
      const [, id = ''] = side.heard.split(' ');
      if (again.delete(side)) for (const each of joined.get(id) ?? []) then(each);
      return undefined;
    },
  };
}

function replacesAll(): Mangler {
  return behindSecondBegin((side) => side.inject(encodeBye('replaced')));
}

/** Whatever BEGIN says, it sends over every wire that it has not seen break. */
function neverDoubts(): Fault {
  return {
    server({ handlers }) {
      const right = handlers.begin.bind(handlers);
      handlers.begin = (begin, ...rest) => {
        const standing = handlers.responder(begin.handler) as unknown as
          | { readonly path?: { doubtAllBut(): void } }
          | undefined;
        if (standing?.path !== undefined) standing.path.doubtAllBut = () => {};
        return right(begin, ...rest);
      };
    },
  };
}

/** When the server ends a further wire, it ends wire 0 as well. */
function endsBySilence(): Mangler {
  const first: Side[] = [];
  return {
    line(line, side) {
      if (line.startsWith('OK handler=') && !isJoin(side)) first.push(side);
      return undefined;
    },
    ending(side) {
      if (side.binary && isJoin(side)) for (const each of first) each.inject(encodeBye('closed'));
      return true;
    },
  };
}
