import { createWriteStream } from 'node:fs';
import { release, type } from 'node:os';
import { describeFrame } from '../../../machines/frames/describe.ts';
import { command } from '../cli/command.ts';
import type { CommandIo } from '../cli/command-io.ts';
import type { Values } from '../cli/declaration.ts';
import { Failure, UsageError } from '../cli/failures.ts';
import { untilInterrupted } from '../cli/interrupt.ts';
import { grouped, moment } from '../cli/units.ts';
import { programVersion } from '../cli/version.ts';
import { ANSWER_TIME } from '../client/connect.ts';
import type { Conversation } from '../client/conversation.ts';
import { lineWord } from '../client/words.ts';
import { CaptureFile, type HandlerPlace } from '../frames/capture-file.ts';
import type { Captured } from '../frames/captured.ts';
import { follow } from '../frames/follow-captures.ts';
import { withSides } from '../frames/sides.ts';
import { CAPTURE } from '../usage/frames.ts';

type CaptureValues = Values<typeof CAPTURE.options>;

const WHOLE_FRAME = 65_575;

/** `vnet capture PLACE`. */
export const capture = command(CAPTURE, ({ values, positionals }, around) =>
  withSides(values, around, (near, far) =>
    untilInterrupted(async (stop) => {
      const place = lineWord(positionals[0] ?? '');
      const servers = far === undefined ? [near] : [near, far];
      const places = new Places(
        near.server,
        positionals[0] ?? '',
        await handlersOf(near),
        far === undefined ? [] : await handlersOf(far),
      );
      const wanted = far === undefined ? [place] : [place, farPlace(place, places)];
      const sink = openSink(values, far !== undefined, places, around);
      const line = (i: number) => ['CAPTURE', wanted[i], ...filters(values)].join(' ');
      await Promise.all(servers.map((server, i) => server.ask(line(i), ANSWER_TIME)));
      if (around.attended && sink.quiet) around.err(`Capturing on ${near.server}; ^C ends it.\n`);
      const { frames, missed } = await follow(servers, stop, values.count, sink.add, sink.ready);
      await sink.close();
      if (around.attended || missed > 0) tellEnd(frames, missed, around);
      return 0;
    }),
  ),
);

function tellEnd(frames: number, missed: number, around: CommandIo): void {
  const lost = missed === 0 ? '' : `; ${grouped(missed)} were missed, because this end read too slowly`;
  around.err(`${grouped(frames)} frames captured${lost}\n`);
}

function filters({ snap, only, mac, type: etherType }: CaptureValues): string[] {
  return [
    ...(snap === undefined ? [] : [`snap=${snap}`]),
    ...(only === undefined ? [] : [`only=${only}`]),
    ...(mac === undefined ? [] : [`mac=${lineWord(mac)}`]),
    ...(etherType === undefined ? [] : [`type=${lineWord(etherType)}`]),
  ];
}

/** What the servers know of their Handlers. */
class Places {
  readonly #near: ReadonlyMap<string, HandlerPlace>;
  readonly #far: ReadonlyMap<string, HandlerPlace>;

  /** @param device what was asked for, where no Handler tells */
  constructor(
    private readonly server: string,
    private readonly device: string,
    near: readonly (readonly [string, HandlerPlace])[],
    far: readonly (readonly [string, HandlerPlace])[],
  ) {
    this.#near = new Map(near);
    this.#far = new Map(far);
  }

  of(far: boolean, handler: string | undefined): HandlerPlace {
    const known = (far ? this.#far : this.#near).get(handler ?? '');
    return known ?? { server: this.server, device: this.device, peer: 'the other end' };
  }

  /** Handlers on a device here. */
  on(device: string): readonly string[] {
    return [...this.#near].filter(([, place]) => nameOf(place.device) === nameOf(device)).map(([id]) => id);
  }

  has(handler: string): boolean {
    return this.#near.has(handler);
  }
}

/** `packet:eth0` and `eth0` are the same interface. */
function nameOf(device: string): string {
  return device.replace(/^[a-z]+:/, '').replace(/\?.*$/, '');
}

/** The far server is asked for the Handler; of a device here, that of its only one. */
function farPlace(place: string, places: Places): string {
  if (places.has(place)) return place;
  const [only, ...more] = places.on(place);
  if (only !== undefined && more.length === 0) return only;
  const many = only === undefined ? 'no Handler is' : `${more.length + 1} Handlers are`;
  throw new UsageError(`--far needs one Handler, and ${many} on ${place}: say which by its id`);
}

async function handlersOf(server: Conversation): Promise<readonly (readonly [string, HandlerPlace])[]> {
  const { data } = await server.ask('HANDLERS?', ANSWER_TIME);
  return data.map(({ words: [id = ''], fields: { local_device: device = '?', peer = '-' } }) => [
    id,
    { server: server.server, device, peer },
  ]);
}

interface Sink {
  add(captured: Captured): void;
  /** Resolves when more may come; undefined: at once. */
  ready(): Promise<void> | undefined;
  close(): Promise<void>;
  /** Nothing of it is seen on a terminal. */
  readonly quiet: boolean;
}

function openSink(values: CaptureValues, both: boolean, places: Places, around: CommandIo): Sink {
  const { write: file } = values;
  if (file === undefined && around.columns !== undefined) return textSink(around);
  const output = file === undefined || file === '-' ? stdoutSink(around) : fileSink(file);
  const filter = filters(values).join(' ');
  const pcapng = new CaptureFile({
    application: `vnet ${programVersion().replace(/^vnet /, '')}`,
    os: `${type()} ${release()}`,
    snap: values.snap ?? WHOLE_FRAME,
    both,
    ...(filter === '' ? {} : { filter }),
    place: (server, handler) => places.of(server === 'far', handler),
    write: output.write,
  });
  const timer = setInterval(() => pcapng.flush(Date.now()), 200);
  return {
    add: (captured) => pcapng.add(captured, Date.now()),
    ready: output.ready,
    quiet: true,
    close: () => {
      clearInterval(timer);
      pcapng.flush();
      return output.close();
    },
  };
}

function textSink(around: CommandIo): Sink {
  const { write, ready, close } = stdoutSink(around);
  return { add: (captured) => write(captureText(captured)), ready, close, quiet: false };
}

function captureText({ server, time, handler, direction, verdict, length, gso, bytes }: Captured): string {
  const { source, destination, vlan, type: etherType, info } = describeFrame(bytes, 0, bytes.length);
  const what = info === '' ? `0x${etherType.toString(16).padStart(4, '0')}` : info;
  const tag = vlan === undefined ? '' : ` vlan ${vlan}`;
  const segments = gso === undefined ? '' : `, segments of ${gso}`;
  const who = `${server === 'far' ? 'far ' : ''}${handler?.slice(0, 8) ?? '-'}`;
  return `${moment(time).slice(11)}  ${who}  ${direction} ${verdict}  ${source} > ${destination}${tag} ${what}, ${length} bytes${segments}\n`;
}

interface ByteSink {
  write(bytes: Buffer | string): void;
  ready(): Promise<void> | undefined;
  close(): Promise<void>;
}

function stdoutSink(around: CommandIo): ByteSink {
  let full = false;
  return {
    write: (bytes) => {
      full = !around.out(bytes) || full;
    },
    ready: () => {
      const waits = full;
      full = false;
      return waits ? around.drained() : undefined;
    },
    close: () => Promise.resolve(),
  };
}

function fileSink(file: string): ByteSink {
  const stream = createWriteStream(file);
  let failure: Failure | undefined;
  stream.on('error', (error) => {
    failure = new Failure(2, `cannot write ${file}: ${error.message}`);
  });
  let full = false;
  return {
    write: (bytes) => {
      if (failure !== undefined) throw failure;
      full = !stream.write(bytes) || full;
    },
    ready: () => {
      const waits = full;
      full = false;
      if (!waits || failure !== undefined) return undefined;
      return new Promise((resolve) => {
        stream.once('drain', resolve);
        stream.once('error', () => resolve());
      });
    },
    close: () =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure);
        stream.once('error', () => reject(failure));
        stream.end(() => resolve());
      }),
  };
}
