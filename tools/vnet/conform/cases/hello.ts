/** Cases of who somebody is: secrets on the way, what they cost, and what another identity may not do (sections 2 to 4). */
import { connect } from 'node:tls';
import { parseLinkUrl } from '../../../../io/net/address.ts';
import { parseGreeting } from '../../../../machines/protocol/answers.ts';
import { formatHello } from '../../../../machines/protocol/format.ts';
import type { Case } from '../case.ts';
import type { CaseContext } from '../case-context.ts';
import { namesFor, standing } from '../drive/preconditions.ts';
import { beginLine, handleLine } from '../names.ts';
import { demand, demandEqual, NotApplicable } from '../nonconformity.ts';

/** Failed HELLOs that one session may say. */
const FAILURES_A_SESSION = 2;
/** Milliseconds that up to ten failures in a minute may cost a right HELLO. */
const MOST_DELAY = 1_000;

const hello = (
  id: string,
  section: string,
  title: string,
  run: (bench: CaseContext) => Promise<void>,
  late = false,
): Case => ({ id: `hello/${id}`, title, section, run, ...(late ? { late } : {}) });

export const HELLO_CASES: readonly Case[] = [
  hello('old-tls', '2', 'TLS 1.2 is not spoken', async ({ target }) => {
    if (target.scheme !== 'tls') throw new NotApplicable('needs tls://');
    demandEqual(await tlsOffered(target.url, target.patience), 'none', 'TLS 1.2 to be refused:');
  }),
  hello(
    'failures',
    '4',
    'ten failed HELLOs cost a right one less than 1 s, and none is refused for them',
    failures,
    true,
  ),
  hello(
    'auth',
    '3',
    '<auth> of HANDLE: secret, identity and secret, a secret with a colon',
    async (bench) => {
      const ways = [
        ['password:s3cret', 'default', 's3cret'],
        ['password:ann:s3cret', 'ann', 's3cret'],
        ['password:"a:b c"', 'default', 'a:b c'],
        ['password:ann:"a:b"', 'ann', 'a:b'],
      ] as const;
      for (const [auth, identity, secret] of ways) {
        const standIn = await bench.standIn();
        const talk = await bench.login();
        talk.say(handleLine(namesFor(bench, standIn.url), { auth }));
        const visit = await standIn.visit();
        visit.greet();
        const seen = await visit.hello();
        demandEqual(`${seen.identity} ${seen.secret}`, `${identity} ${secret}`, `HELLO of ${auth}:`);
        visit.talk.say('ERR 403 authentication-failed no');
        bench.refused(await talk.answer('the answer to HANDLE'), 'remote-refused');
      }
    },
  ),
  hello('unknown', '2', 'what is not known in the answers of a server is passed over', async (bench) => {
    const standIn = await bench.standIn();
    const talk = await bench.login();
    talk.say(handleLine(namesFor(bench, standIn.url), { options: 'offload=off wires=1' }));
    const visit = await standIn.visit();
    visit.talk.say('OK VNET/1 flavour=sweet server=stand-in auth=password,ticket features=unheard-of new');
    await visit.hello();
    visit.talk.say('OK session=0123456789abcdef colour=blue identity=default');
    const { handler } = await visit.begin();
    bench.closeLater(handler);
    visit.talk.say(`OK shape="all round" handler=${handler} offload=off mtu=1500 weight=7`);
    bench.good(await talk.answer('OK to HANDLE'));
    await bench.handlerIs(handler, 'binary');
  }),
  hello(
    'plaintext',
    '3',
    'no password on plain tcp:// from an address that is not loopback',
    async (bench) => {
      if (bench.target.scheme !== 'tcp') throw new NotApplicable('needs tcp://');
      bench.control.farAway();
      const talk = await bench.dial();
      const greeting = parseGreeting(await talk.line('the greeting'));
      demand(greeting.ok && !greeting.value.auth.includes('password'), 'auth= without password', 'another');
      bench.refused(await talk.ask(bench.helloLine(), 'HELLO (credentials)'), 'tls-required');
    },
  ),
  hello('plaintext-sent', '3', 'no password is sent on plain tcp:// to such an address', async (bench) => {
    const { control } = bench;
    const standIn = await bench.standIn();
    const talk = await bench.login();
    control.farAway();
    talk.say(handleLine(namesFor(bench, standIn.url)));
    const visit = await standIn.visit();
    visit.greet();
    bench.refused(await talk.answer('the answer to HANDLE'), 'tls-required');
    await visit.talk.over('the end of the dial, with no HELLO before it');
  }),
  hello('other', '4', 'a Handler of another identity is not taken over', async (bench) => {
    const talk = await bench.loginOther();
    const { id, line, wire } = await standing(bench);
    bench.refused(await talk.ask(line), 'handler-exists');
    await wire.ping();
    await bench.handlerIs(id, 'binary');
  }),
  hello('other-waiting', '4', 'nor one that waits', async (bench) => {
    const talk = await bench.loginOther();
    const { id, line, wire } = await standing(bench);
    wire.talk.cut();
    await bench.handlerIs(id, 'handling');
    bench.refused(await talk.ask(line), 'handler-exists');
    await bench.handlerIs(id, 'handling');
  }),
  hello('other-yields', '3.2', 'one that waits gives way to its own identity only', async (bench) => {
    const talk = await bench.loginOther();
    const { id, mac, wire } = await standing(bench);
    wire.talk.cut();
    await bench.handlerIs(id, 'handling');
    const names = { ...namesFor(bench), mac };
    bench.refused(await talk.ask(beginLine(names)), 'mac-in-use');
    await bench.handlerIs(id, 'handling');
  }),
];

async function failures(bench: CaseContext): Promise<void> {
  const { login } = bench.target;
  if (login.method !== 'password') throw new NotApplicable('needs a password');
  const bare = await timed(bench);
  const wrong = formatHello({ ...login, secret: 'quite another one' });
  for (let count = 0; count < 10; ) {
    const talk = await bench.greeted();
    for (let tries = 0; tries < FAILURES_A_SESSION && count < 10; tries++, count++) {
      bench.refused(await talk.ask(wrong, 'HELLO password (a wrong secret)'), 'authentication-failed');
    }
    talk.cut();
  }
  const passed = (await timed(bench)) - bare;
  demand(passed < MOST_DELAY, `less than ${MOST_DELAY} ms more for a HELLO`, `${Math.round(passed)} ms`);
}

/** Milliseconds that a right HELLO takes. */
async function timed(bench: CaseContext): Promise<number> {
  const talk = await bench.greeted();
  const since = performance.now();
  await bench.hello(talk);
  return performance.now() - since;
}

/** What a server makes of a client that speaks TLS 1.2 at most: the version, or `none`. */
function tlsOffered(url: string, patience: number): Promise<string> {
  const { host, port } = parseLinkUrl(url) as { readonly host: string; readonly port: number };
  return new Promise((resolve) => {
    const socket = connect({
      host: host.replace(/^\[|\]$/g, ''),
      port,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
    });
    const done = (version: string) => {
      socket.destroy();
      resolve(version);
    };
    socket.setTimeout(patience, () => done('silence'));
    socket.once('secureConnect', () => done(socket.getProtocol() ?? 'TLS'));
    socket.once('error', () => done('none'));
    socket.once('close', () => done('none'));
  });
}
