/** A connection in the binary phase (PROTOCOL.md section 6), as the suite holds the other end of it. */
import {
  BYE,
  encodeBye,
  encodePing,
  FRAME,
  HEADER_BYTES,
  MAX_LENGTH,
  OFFLOAD,
  PING,
  PONG,
  writeHeader,
} from '../../../machines/frames/records.ts';
import { demand, demandEqual, Nonconformity } from './nonconformity.ts';
import type { Talk } from './talk.ts';

export interface WireRecord {
  readonly type: number;
  readonly payload: Buffer;
}

const NAMES = ['FRAME', 'OFFLOAD', 'PING', 'PONG', 'BYE'];

function describe({ type, payload }: WireRecord): string {
  const name = NAMES[type] ?? `type 0x${type.toString(16)}`;
  const text = type === BYE ? payload.toString('utf8') : payload.subarray(0, 24).toString('hex');
  return `${name}(${payload.length}) ${text}`;
}

/** A record of any type and payload. */
export function encodeRecord(type: number, payload: Uint8Array): Buffer {
  const record = Buffer.alloc(HEADER_BYTES + payload.length);
  writeHeader(record, 0, type, payload.length);
  record.set(payload, HEADER_BYTES);
  return record;
}

export class Wire {
  /** Frames that came while something else was waited for. */
  readonly frames: WireRecord[] = [];
  /** PINGs of the server that were seen. */
  pings = 0;
  #tokens = 0;

  constructor(readonly talk: Talk) {}

  /** Sends a record. */
  send(type: number, payload: Uint8Array | string): void {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    this.talk.raw(encodeRecord(type, bytes), describe({ type, payload: Buffer.from(bytes) }));
  }

  frame(frame: Uint8Array): void {
    this.send(FRAME, frame);
  }

  bye(reason: Parameters<typeof encodeBye>[0]): void {
    this.talk.raw(encodeBye(reason), `BYE ${reason}`);
  }

  /** The next record that is no PING; PINGs are answered. */
  async next(what: string, by = this.talk.deadline(what)): Promise<WireRecord> {
    for (;;) {
      const record = await this.any(what, by);
      if (record.type !== PING) return record;
      this.talk.raw(encodePing(PONG, record.payload), describe({ type: PONG, payload: record.payload }));
    }
  }

  /** The next record of whatever type. */
  async any(what: string, by = this.talk.deadline(what)): Promise<WireRecord> {
    const header = await this.talk.bytes(HEADER_BYTES, what, by);
    const type = header[0]!;
    const length = header.readUIntBE(1, 3);
    demand(length <= MAX_LENGTH, `a record of at most ${MAX_LENGTH} bytes`, `one of ${length}`);
    const payload = Buffer.from(await this.talk.bytes(length, what, by));
    const record = { type, payload };
    this.talk.note(`< ${describe(record)}`);
    if (type > BYE && type < 0x80) throw new Nonconformity('a record type of section 6', describe(record));
    if (type === PING || type === PONG) demand(length === 8, 'PING and PONG of 8 bytes', describe(record));
    if (type === PING) this.pings++;
    return record;
  }

  /** A round trip: all that was sent before has been looked at. Frames on the way are kept. */
  async ping(): Promise<void> {
    const token = Buffer.alloc(8);
    token.write('vnconf', 'latin1');
    token.writeUInt16BE(++this.#tokens, 6);
    this.send(PING, token);
    const by = this.talk.deadline('a PONG');
    for (;;) {
      const record = await this.next('a PONG', by);
      if (isFrame(record)) {
        this.frames.push(record);
        continue;
      }
      demand(record.type === PONG, 'a PONG', describe(record));
      demandEqual(record.payload.toString('hex'), token.toString('hex'), 'a PONG with the bytes');
      return;
    }
  }

  /**
   * Expects BYE with this reason, then the end; answers by our own end. `device-away` is a wire that ends for now, in
   * whatever words.
   */
  async farewell(wanted: string): Promise<void> {
    const reason = wanted === 'device-away' ? 'shutting-down' : wanted;
    const by = this.talk.deadline(`BYE ${reason}`);
    for (;;) {
      const record = await this.next(`BYE ${reason}`, by);
      if (isFrame(record) || record.type === PONG || record.type >= 0x80) continue;
      demand(record.type === BYE, `BYE ${reason}`, describe(record));
      demandEqual(record.payload.toString('utf8'), reason, 'BYE');
      break;
    }
    await this.talk.over('the end of stream behind BYE');
    this.talk.end();
  }

  /** Expects that the server closes without BYE; frames and PINGs before that are read past. */
  async closed(what: string): Promise<void> {
    for (;;) {
      await this.talk.anything(what);
      if (this.talk.held === 0) return;
      const record = await this.any(what);
      demand(record.type !== BYE, what, describe(record));
    }
  }
}

export function isFrame({ type }: WireRecord): boolean {
  return type === FRAME || type === OFFLOAD;
}
