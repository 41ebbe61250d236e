import { realNetwork } from '../../../io/net/network.ts';
import type { TlsMaterial } from '../../../io/net/tls-material.ts';
import { NO_TLS_MATERIAL } from '../../../io/net/tls-material.ts';
import { DialError, type Link } from '../../../io/ports.ts';
import { parseAnswerLine, parseGreeting } from '../../../machines/protocol/answers.ts';
import { formatHello } from '../../../machines/protocol/format.ts';
import { Failure, orFail, UsageError } from '../cli/failures.ts';
import { Conversation, Refused } from './conversation.ts';
import { withHint } from './hints.ts';
import { type ClientSettings, DEFAULT_SERVER, type Login } from './settings.ts';

/** Milliseconds: to connect, and for each answer. A server gives HANDLE 15 s. */
export const DIAL_TIME = 10_000;
export const ANSWER_TIME = 30_000;

/**
 * Connects to the server and says HELLO.
 * @throws Failure with exit status and words for people
 */
export async function connect(settings: ClientSettings): Promise<Conversation> {
  const link = await dial(settings);
  const conversation = new Conversation(link, settings.server);
  try {
    const methods = await greeting(conversation, settings);
    checkLogin(settings, link, methods);
    await conversation.ask(hello(settings.login), ANSWER_TIME);
    return conversation;
  } catch (error) {
    conversation.close();
    throw withHint(error);
  }
}

async function dial(settings: ClientSettings): Promise<Link> {
  const material = await tlsMaterial(settings);
  const network = realNetwork({ tls: () => material });
  const { server, login } = settings;
  const options = { signal: AbortSignal.timeout(DIAL_TIME), clientCertificate: login.method === 'cert' };
  try {
    return await network.dial(server, options);
  } catch (error) {
    if (error instanceof DialError) throw new Failure(3, error.message, dialHint(error, settings));
    throw error;
  }
}

function dialHint(error: DialError, { server, option }: ClientSettings): string | undefined {
  if (error.kind === 'remote-untrusted') return undefined;
  if (option !== undefined) return `Is ${option} the address that the server printed behind READY?`;
  return server === DEFAULT_SERVER
    ? 'Start a server on this machine (`vnet serve --help`), or say where one is: --server URL or VNET_SERVER.'
    : 'Is --server (or VNET_SERVER) the address that the server printed behind READY?';
}

/** What `tls://` works with, by the client's options. @throws Failure (2) for a file that cannot be used */
export async function tlsMaterial({ login, ca, authorized }: ClientSettings): Promise<TlsMaterial> {
  if (login.method !== 'cert' && ca === undefined && authorized === undefined) return NO_TLS_MATERIAL;
  const { loadKeyPair, readCertificates } = await import('../../../io/auth/certificates.ts');
  const { loadAuthorized } = await import('../../../io/auth/authorized-file.ts');
  return orFail(2, () => {
    const known = authorized === undefined ? undefined : loadAuthorized(authorized);
    return {
      ...NO_TLS_MATERIAL,
      ...(login.method === 'cert' ? { own: loadKeyPair(login.cert, login.key) } : {}),
      ca: ca === undefined ? [] : readCertificates(ca),
      serverFingerprints: (host, port) => known?.serverFingerprints(host, port) ?? [],
    };
  });
}

/** @returns the methods of HELLO that the server takes on this connection */
async function greeting(conversation: Conversation, { option }: ClientSettings): Promise<readonly string[]> {
  const line = await conversation.next(ANSWER_TIME);
  if (line === undefined) throw conversation.cutShort();
  const answer = parseAnswerLine(line);
  if (answer.kind === 'err' && answer.malformed !== true) throw new Refused(line, answer.reason);
  const greeted = parseGreeting(line);
  if (greeted.ok) return greeted.value.auth;
  const next = `Is it a VNET server, and is ${option ?? '--server'} the right address?`;
  throw new Failure(3, `${conversation.server}: ${greeted.refusal.text}`, next);
}

/**
 * No secret goes out where it could be read on its way, nor to a server that would not take it.
 * @throws UsageError, Failure (1)
 */
export function checkLogin(
  { login, allowPlaintext, server, option }: ClientSettings,
  link: Pick<Link, 'scheme' | 'loopback'>,
  methods: readonly string[],
): void {
  if (login.method === 'password' && link.scheme === 'tcp' && !link.loopback && !allowPlaintext) {
    throw new UsageError(
      `the password would cross the network in the clear to ${server}: use tls:// (or an ssh tunnel to its loopback), or ${option ?? '-'}-allow-plaintext if you mean it`,
    );
  }
  if (methods.includes(login.method)) return;
  const good =
    methods.length === 0 ? 'nobody at all' : methods.map((method) => METHODS[method] ?? method).join(' or ');
  throw new Failure(
    1,
    `${server} does not take ${METHODS[login.method]} on this connection, but ${good}.`,
    adviceFor(methods),
  );
}

const METHODS: Readonly<Record<string, string>> = {
  password: 'a password',
  cert: 'a certificate',
  local: 'whoever may open its socket file',
};

function adviceFor(methods: readonly string[]): string | undefined {
  if (methods.includes('cert'))
    return 'Give --cert F and --key F; `vnet keygen` makes them, and the server has to know the fingerprint (--authorized).';
  if (methods.includes('password')) return 'Give --password-file F or set VNET_PASSWORD.';
  return 'A plain tcp:// listener takes no password from afar: use a tls:// one, or talk to the server on its own machine.';
}

function hello(login: Login): string {
  return formatHello(login.method === 'password' ? login : { method: login.method });
}
