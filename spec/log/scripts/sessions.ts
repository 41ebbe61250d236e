/** The scripts of a Session (PROTOCOL.md sections 2 to 4). */
import { beginLine, handle, handleLine, pair } from '../../support/pair.ts';
import { alone, type Scripts, SECRET, stranger } from './script.ts';

const HANDLER = '00112233445566778899aabbccddeeff';

export const SESSIONS: Scripts = {
  'session-silent': async (world) => {
    await stranger(await alone(world));
    await world.elapse(10_000);
  },
  'session-wrong-secrets': async (world) => {
    const talker = await stranger(await alone(world));
    for (const secret of ['one', 'two', 'three']) await talker.ask(`HELLO password ${secret}`, 5_000);
    await world.elapse(1_000);
  },
  'session-method-not-offered': async (world) => {
    const talker = await stranger(await alone(world));
    for (const method of ['cert', 'local', 'cert']) await talker.ask(`HELLO ${method}`);
    await world.elapse(1_000);
  },
  'session-before-hello': async (world) => {
    const talker = await stranger(await alone(world));
    const lines = ['DEVICES?', 'HANDLERS?', `CLOSE ${HANDLER}`, `STATS? ${HANDLER}`, 'STATUS?', 'WATCH'];
    for (const line of [...lines, handleLine(), beginLine()]) await talker.ask(line);
    for (const line of ['HELP?', 'HELP? me', 'NONSENSE', 'HELLO', 'DONE now', '"', '']) {
      talker.say(line);
      await world.settle();
    }
    await talker.ask('DONE');
    await world.elapse(1_000);
  },
  'session-line-too-long': async (world) => {
    const station = await alone(world);
    const strange = await stranger(station);
    await strange.ask('x'.repeat(9_000));
    const known = await station.client();
    await known.ask('x'.repeat(9_000));
    await world.elapse(4_000);
  },
  'session-overdue': async (world) => {
    const station = await alone(world);
    station.authenticator.delay = 12_000;
    const wrong = await stranger(station);
    wrong.say('HELLO password wrong');
    const right = await stranger(station);
    right.say(`HELLO password ${SECRET}`);
    await world.elapse(13_000);
    await right.ask('DONE');
  },
  'session-too-many-attempts': async (world) => {
    const station = await alone(world);
    station.authenticator.verify = () => Promise.reject(new Error('too many wait'));
    const talker = await stranger(station);
    for (let attempt = 0; attempt < 3; attempt++) await talker.ask(`HELLO password ${SECRET}`, 5_000);
  },
  'session-evicted': async (world) => {
    const station = await alone(world, { limits: { unauthenticated: 2 } });
    for (let count = 0; count < 3; count++) await stranger(station);
    await world.elapse(10_000);
  },
  'session-ends-before-hello': async (world) => {
    const station = await alone(world);
    (await stranger(station)).end();
    (await stranger(station)).link.destroy();
    await world.elapse(1_000);
  },
  'session-asks': async (world) => {
    const client = await (await alone(world)).client();
    const good = ['DEVICES?', 'HANDLERS?', 'STATUS?', 'HELP?'];
    const bad = ['DEVICES? x', `STATS? ${HANDLER}`, 'STATS?', `CLOSE ${HANDLER}`, 'HELLO local', 'NONSENSE'];
    for (const line of [...good, ...bad, 'HANDLE', 'BEGIN', 'DONE x', 'WATCH x']) await client.ask(line);
    client.say('');
    await client.ask('DONE');
    await world.elapse(1_000);
  },
  'session-idle': async (world) => {
    await (await alone(world)).client();
    await world.elapse(601_000);
  },
  'session-watches': async (world) => {
    const station = await alone(world);
    for (const next of ['', 'DONE', 'WATCH', 'HELLO local', 'NONSENSE']) {
      const watcher = await station.client();
      await watcher.ask('WATCH');
      await world.elapse(601_000);
      watcher.say(next);
      await world.settle();
    }
    const leaver = await station.client();
    await leaver.ask('WATCH');
    leaver.end();
    const lost = await station.client();
    await lost.ask('WATCH');
    lost.link.destroy();
    await world.settle();
    await (await station.client()).ask('WATCH');
    await station.restart();
    await (await station.client()).ask('WATCH');
  },
  'session-ends-after-hello': async (world) => {
    const station = await alone(world);
    (await station.client()).end();
    (await station.client()).link.destroy();
    await world.elapse(1_000);
  },
  'session-over-unix-and-tls': async (world) => {
    const station = world.station('north', { listen: ['tls://0.0.0.0:7411', 'unix:///run/vnet.sock'] });
    const known = world.host(['known']);
    station.authenticator.certificate(known.certificate?.fingerprint ?? '', 'ann');
    await station.start();
    const local = await stranger(station, { url: 'unix:///run/vnet.sock' });
    await local.ask('HELLO local');
    const url = `tls://north:7411?pin=${station.host.certificate?.fingerprint}`;
    const remote = await stranger(station, { from: known, url, certificate: true });
    await remote.ask('HELLO cert', 1_000);
  },
  'session-crash': async (world) => {
    const station = await alone(world);
    await stranger(station);
    await station.client();
    await world.settle();
    await station.restart();
    await world.settle();
    await stranger(station);
    await station.client();
  },
  'session-asks-about-frames-before-hello': async (world) => {
    const talker = await stranger(await alone(world));
    const lines = [`TRACE? vm0 ${'00'.repeat(14)}`, 'DROPS?', 'CAPTURE vm0', `PING? ${HANDLER}`];
    for (const line of lines) await talker.ask(line);
    await talker.ask('DONE');
  },
  'session-asks-for-checks': async (world) => {
    const { client, host } = await pair(world);
    await handle(client);
    await client.ask('CHECK?');
    await client.ask('CHECK? now');
    await (await stranger(host)).ask('CHECK?');
    await world.elapse(10_000);
  },
  'session-asks-about-frames': async (world) => {
    const { client, host } = await pair(world);
    const id = await handle(client);
    await client.ask(`TRACE? vm0 ${'00'.repeat(14)}`);
    await client.ask(`TRACE? ${id} ${'00'.repeat(14)}x46`);
    await client.ask('TRACE? vm0 none');
    await client.ask('DROPS?');
    await client.ask(`DROPS? ${id}`);
    await client.ask(`DROPS? ${HANDLER}`);
    await client.ask(`CAPTURE ${id} snap=64`);
    await client.ask('CAPTURE vm0 only=dropped');
    await client.ask('CAPTURE vm1');
    await client.ask(`PING? ${id} count=2`, 2_000);
    await client.ask(`PING? ${HANDLER}`);
    client.say(`PING? ${id}`);
    client.link.destroy();
    const capturing = await host.client();
    await capturing.ask(`CAPTURE ${id}`);
    capturing.say('');
    await world.settle();
  },
  'session-forbidden': async (world) => {
    const station = await alone(world, {
      forbids: (_, { verb }) => (verb === 'DEVICES?' ? { rule: 'nobody', text: 'may not look' } : undefined),
    });
    await (await station.client()).ask('DEVICES?');
  },
};
