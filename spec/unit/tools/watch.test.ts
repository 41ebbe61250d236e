import type { Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { watch } from '../../../tools/vnet/commands/watch.ts';
import { FakeServer } from './fake-server.ts';
import { Terminal } from './terminal.ts';

const watching = suite('vnet watch');

const EVENT =
  'EVENT seq=17 time=2026-01-31T12:00:00.000001Z actor=session:3f event=HELLO from=unauthenticated ' +
  'to=unauthenticated detail="{\\"args\\":{\\"method\\":\\"local\\"}}"';

let server: FakeServer;
let socket: Socket | undefined;
watching.before.each(async () => {
  server = await FakeServer.start((line, from) => {
    socket = from;
    return line === 'WATCH' ? `OK\n${EVENT}\nEVENT missed=5` : undefined;
  });
});
watching.after.each(() => server.stop());

/** A terminal at which something happens when so many lines were printed. */
class Acting extends Terminal {
  #left: number;
  readonly #act: () => void;

  constructor(lines: number, act: () => void) {
    super();
    this.env = { VNET_SERVER: server.url, VNET_PASSWORD: 'x' };
    this.#left = lines;
    this.#act = act;
  }

  override out(text: string): boolean {
    if (--this.#left === 0) this.#act();
    return super.out(text);
  }
}

const pressInterrupt = () => void process.emit('SIGINT');

watching('prints records as lines until ^C, and says DONE', async () => {
  const terminal = new Acting(2, pressInterrupt);
  assert.is(await watch([], terminal), 0);
  const [first, second] = terminal.stdout.split('\n');
  assert.match(
    first ?? '',
    /^2026-01-31 12:00:00\.000001 {2}#17 .*session:3f .*unauthenticated .*HELLO method=local$/,
  );
  assert.match(second ?? '', /5 records were left out/);
  await server.hears(/^DONE$/);
});

watching('--json prints one object a line', async () => {
  const terminal = new Acting(2, pressInterrupt);
  assert.is(await watch(['--json'], terminal), 0);
  const [first, second] = terminal.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  assert.equal(first, {
    seq: 17,
    time: '2026-01-31T12:00:00.000001Z',
    actor: 'session:3f',
    event: { type: 'HELLO', args: { method: 'local' } },
    from: 'unauthenticated',
    to: 'unauthenticated',
  });
  assert.equal(second, { missed: 5 });
});

watching('says when the server went away: status 3', async () => {
  const terminal = new Acting(2, () => socket?.destroy());
  assert.is(await watch([], terminal), 3);
  assert.match(terminal.stderr, /went away/);
});

watching('an ERR ends it: status 1', async () => {
  const terminal = new Acting(2, () => socket?.write('ERR 408 timeout too long\n'));
  assert.is(await watch([], terminal), 1);
  assert.match(terminal.stderr, /^ERR 408 timeout too long\n/);
});

watching.run();
