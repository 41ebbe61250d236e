/**
 * What every Link promises (io/ports.ts), run by each implementation:
 *
 *     linkSuite('tcp', async () => ({ near, far, close }));
 */
import { randomBytes } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Link, LinkSink } from '../../io/ports.ts';
import { type LetTimePass, until as untilSettled } from './until.ts';

export interface LinkPair {
  /** Two ends of one connection, nothing attached yet. */
  readonly near: Link;
  readonly far: Link;
  /** Frees everything; the links may be open still. */
  close(): Promise<void>;
}

const oneTurn: LetTimePass = () => new Promise((resolve) => setImmediate(resolve));

/** Notes all that a link tells. */
export class RecordingSink implements LinkSink {
  readonly events: string[] = [];
  readonly #pieces: Buffer[] = [];
  bytes = 0;
  drains = 0;
  ended = false;
  closedTimes = 0;
  error: Error | undefined;
  onData: ((chunk: Buffer) => void) | undefined;

  data(chunk: Buffer): void {
    if (this.events.at(-1) !== 'data') this.events.push('data');
    this.#pieces.push(Buffer.from(chunk));
    this.bytes += chunk.length;
    this.onData?.(chunk);
  }
  drain(): void {
    this.drains++;
  }
  end(): void {
    this.events.push('end');
    this.ended = true;
  }
  closed(error?: Error): void {
    this.events.push('closed');
    this.closedTimes++;
    this.error = error;
  }
  all(): Buffer {
    return Buffer.concat(this.#pieces);
  }
  text(): string {
    return this.all().toString();
  }
}

type Ends = LinkPair & { readonly nearSink: RecordingSink; readonly farSink: RecordingSink };

function attached(pair: LinkPair): Ends {
  const nearSink = new RecordingSink();
  const farSink = new RecordingSink();
  pair.near.attach(nearSink);
  pair.far.attach(farSink);
  return { ...pair, nearSink, farSink };
}

/** Writes until the link says that it is behind. @returns bytes written, and how often `done` was called */
function fill(link: Link): { bytes: number; writes: number; done: number } {
  const chunk = Buffer.alloc(65_536, 0x5a);
  const count = { bytes: 0, writes: 0, done: 0 };
  for (let i = 0; i < 1024; i++) {
    count.bytes += chunk.length;
    count.writes++;
    if (!link.write(chunk, () => count.done++)) return count;
  }
  throw new Error('write never returned false although nobody reads');
}

function pieces(total: number): Buffer[] {
  const sizes = [1, 3, 1448, 16_384, 16_385, 65_536, 100_000];
  const all: Buffer[] = [];
  for (let sum = 0, i = 0; sum < total; i++) {
    const piece = randomBytes(sizes[i % sizes.length] as number);
    all.push(piece);
    sum += piece.length;
  }
  return all;
}

/** @param settle lets what is under way go on: a turn of the event loop, or of a virtual clock */
export function linkSuite(name: string, open: () => Promise<LinkPair>, settle: LetTimePass = oneTurn): void {
  const test = suite(`link: ${name}`);
  const until = (what: string, holds: () => boolean) => untilSettled(what, holds, settle);

  /** Lets everything that is under way in this process, and in the kernel's loopback, come through. */
  const idle = async () => {
    for (let i = 0; i < 20; i++) await settle();
  };

  /** Sends everything with regard to `drain`. */
  const sendAll = async (link: Link, sink: RecordingSink, pieces: readonly Buffer[]) => {
    for (const piece of pieces) {
      const drains = sink.drains;
      if (!link.write(piece)) await until('drain', () => sink.drains > drains);
    }
  };

  const check = (what: string, body: (ends: Ends) => Promise<void>) =>
    test(what, async () => {
      const pair = await open();
      try {
        await body(attached(pair));
      } finally {
        pair.near.destroy();
        pair.far.destroy();
        await pair.close();
      }
    });

  const checkBare = (what: string, body: (pair: LinkPair) => Promise<void>) =>
    test(what, async () => {
      const pair = await open();
      try {
        await body(pair);
      } finally {
        pair.near.destroy();
        pair.far.destroy();
        await pair.close();
      }
    });

  check('carries bytes whole and in order, both ways at once', async ({ near, far, nearSink, farSink }) => {
    const there = pieces(2_000_000);
    const back = pieces(2_000_000);
    await Promise.all([sendAll(near, nearSink, there), sendAll(far, farSink, back)]);
    const [sum, sumBack] = [Buffer.concat(there), Buffer.concat(back)];
    await until('all bytes', () => farSink.bytes === sum.length && nearSink.bytes === sumBack.length);
    assert.ok(farSink.all().equals(sum));
    assert.ok(nearSink.all().equals(sumBack));
    await until('nothing unsent', () => near.unsent === 0 && far.unsent === 0);
  });

  check('writeAll keeps the order and says done once', async ({ near, farSink }) => {
    let done = 0;
    near.write(Buffer.from('one '));
    near.writeAll([Buffer.from('two '), Buffer.from('three '), new Uint8Array([0x21])], () => done++);
    near.write(Buffer.from(' four'));
    await until('all bytes', () => farSink.bytes === 20);
    assert.is(farSink.text(), 'one two three ! four');
    await until('done', () => done === 1);
    near.writeAll([], () => done++);
    await until('done for nothing', () => done === 2);
  });

  check('done comes once for each write, in order', async ({ near, farSink }) => {
    const done: number[] = [];
    for (let i = 0; i < 50; i++) near.write(Buffer.from([i]), () => done.push(i));
    await until('all done', () => done.length === 50 && farSink.bytes === 50);
    assert.equal(
      done,
      Array.from({ length: 50 }, (_, i) => i),
    );
  });

  check('write says when it is behind, and drain follows', async ({ near, far, nearSink, farSink }) => {
    far.pause();
    const filled = fill(near);
    assert.ok(near.unsent > 65_536, `unsent is ${near.unsent}`);
    assert.is(nearSink.drains, 0);
    far.resume();
    await until('drain', () => nearSink.drains === 1);
    await until('all bytes', () => farSink.bytes === filled.bytes);
    await until('all done', () => filled.done === filled.writes);
    assert.is(near.unsent, 0);
    assert.is(nearSink.drains, 1);
  });

  check('pause holds the bytes back, also in the middle of them', async ({ near, far, farSink }) => {
    farSink.onData = () => far.pause();
    near.write(randomBytes(60_000));
    await until('first bytes', () => farSink.bytes > 0);
    const before = farSink.bytes;
    near.write(randomBytes(60_000));
    near.end();
    await idle();
    assert.is(farSink.bytes, before);
    assert.not(farSink.ended);
    farSink.onData = undefined;
    far.resume();
    await until('the rest', () => farSink.ended);
    assert.is(farSink.bytes, 120_000);
  });

  check('pause and resume at once lose nothing', async ({ near, far, farSink }) => {
    farSink.onData = () => {
      far.pause();
      far.resume();
    };
    near.write(randomBytes(300_000));
    await until('all bytes', () => farSink.bytes === 300_000);
  });

  check('half-close: the other direction goes on', async ({ near, far, nearSink, farSink }) => {
    near.write(Buffer.from('question'));
    near.end();
    await until('end', () => farSink.ended);
    assert.is(farSink.text(), 'question');
    far.write(Buffer.from('answer'));
    await until('answer', () => nearSink.text() === 'answer');
    assert.is(nearSink.closedTimes + farSink.closedTimes, 0);
    far.end();
    await until('closed', () => nearSink.closedTimes === 1 && farSink.closedTimes === 1);
    assert.equal(nearSink.events, ['data', 'end', 'closed']);
    assert.equal(farSink.events, ['data', 'end', 'closed']);
    assert.is(nearSink.error, undefined);
    assert.is(farSink.error, undefined);
  });

  check('end comes after all that was written', async ({ near, far, farSink }) => {
    far.pause();
    const filled = fill(near);
    near.end();
    far.resume();
    await until('end', () => farSink.ended);
    assert.is(farSink.bytes, filled.bytes);
    assert.is(filled.done, filled.writes);
  });

  check('destroy closes both ends, once, without an error on the own side', async (ends) => {
    const { near, nearSink, farSink } = ends;
    near.destroy();
    near.destroy();
    await until('closed here', () => nearSink.closedTimes === 1);
    assert.is(nearSink.error, undefined);
    assert.equal(nearSink.events, ['closed']);
    // An orderly end or a reset, whichever the transport has for it.
    await until('told there', () => farSink.ended || farSink.closedTimes === 1);
    ends.far.end();
    await until('closed there', () => farSink.closedTimes === 1);
    await idle();
    assert.is(nearSink.closedTimes + farSink.closedTimes, 2);
  });

  check('destroy answers for every write, and nothing is told after closed', async (ends) => {
    const { near, far, nearSink } = ends;
    far.pause();
    const filled = fill(near);
    near.write(Buffer.from('more'), () => filled.done++);
    near.destroy();
    let late = 0;
    assert.ok(near.write(Buffer.from('late'), () => late++));
    assert.ok(near.writeAll([Buffer.from('late'), Buffer.from('later')], () => late++));
    await until('closed', () => nearSink.closedTimes === 1);
    await until('done for all', () => filled.done === filled.writes + 1 && late === 2);
    near.end();
    near.pause();
    near.resume();
    await idle();
    assert.equal(nearSink.events, ['closed']);
    assert.is(filled.done, filled.writes + 1);
    assert.is(nearSink.drains, 0);
  });

  check('a write that can go nowhere is done all the same', async ({ near, far, nearSink, farSink }) => {
    near.pause();
    const filled = fill(far);
    near.destroy();
    await until('closed', () => nearSink.closedTimes === 1 && (farSink.closedTimes === 1 || farSink.ended));
    far.destroy();
    await until('done for all', () => filled.done === filled.writes);
    await until('closed there', () => farSink.closedTimes === 1);
  });

  check('a write after end is done and goes nowhere', async ({ near, farSink }) => {
    let done = 0;
    near.write(Buffer.from('last'));
    near.end();
    near.write(Buffer.from('too late'), () => done++);
    await until('end and done', () => farSink.ended && done === 1);
    assert.is(farSink.text(), 'last');
  });

  checkBare('what came before anybody was attached is not lost', async ({ near, far }) => {
    near.write(Buffer.from('early'));
    near.end();
    await idle();
    const farSink = new RecordingSink();
    far.attach(farSink);
    await until('end', () => farSink.ended);
    assert.is(farSink.text(), 'early');
    const nearSink = new RecordingSink();
    near.attach(nearSink);
    far.end();
    await until('closed', () => farSink.closedTimes === 1 && nearSink.closedTimes === 1);
    assert.equal(farSink.events, ['data', 'end', 'closed']);
  });

  checkBare('closed is told to who is attached afterwards', async ({ near }) => {
    near.destroy();
    await idle();
    const sink = new RecordingSink();
    near.attach(sink);
    await until('closed', () => sink.closedTimes === 1);
    assert.equal(sink.events, ['closed']);
  });

  check('a link that is handed on loses nothing and tells only the new sink', async (ends) => {
    const { near, far, nearSink, farSink } = ends;
    const second = new RecordingSink();
    // As at BEGIN: in the middle of a call the rest goes to somebody else.
    farSink.onData = () => {
      far.attach(second);
    };
    const sent = pieces(500_000);
    await sendAll(near, nearSink, sent);
    near.end();
    await until('end', () => second.ended);
    assert.ok(Buffer.concat([farSink.all(), second.all()]).equals(Buffer.concat(sent)));
    assert.equal(farSink.events, ['data']);
    far.end();
    await until('closed', () => second.closedTimes === 1);
    assert.is(farSink.closedTimes, 0);
  });

  check('answers from within data arrive', async ({ near, far, nearSink, farSink }) => {
    farSink.onData = (chunk) => {
      far.write(Buffer.from(chunk));
    };
    near.write(Buffer.from('ping'));
    await until('echo', () => nearSink.text() === 'ping');
  });

  check('destroy from within data ends it at once', async ({ near, far, farSink }) => {
    farSink.onData = () => far.destroy();
    near.write(randomBytes(200_000));
    await until('closed', () => farSink.closedTimes === 1);
    assert.equal(farSink.events, ['data', 'closed']);
  });

  test.run();
}
