/** The sessions of a server: who may come in, how many at once, and how HELLO is verified. */
import type { Link } from '../io/ports.ts';
import type { News } from '../machines/handler/events.ts';
import { formatRefusal } from '../machines/protocol/errors.ts';
import type { Hello } from '../machines/protocol/types.ts';
import type { AuthMethod } from '../machines/session/events.ts';
import { Attempts } from './attempts.ts';
import { Session, type SessionHooks } from './session.ts';
import type { SessionDirectory, World } from './world.ts';

const encoder = new TextEncoder();
/** How long a connection that is turned away is read on, so that the reason arrives. */
const LINGER_MS = 1_000;

export class Sessions implements SessionDirectory {
  readonly #world: World;
  readonly #sessions = new Map<string, Session>();
  /** Those without a right HELLO yet, oldest first. */
  readonly #strangers = new Set<Session>();
  readonly #strangersOf = new Map<string, number>();
  readonly #attempts: Attempts;
  #turnedAway = 0;

  constructor(world: World) {
    this.#world = world;
    this.#attempts = new Attempts(world.clock);
  }

  get count(): number {
    return this.#sessions.size;
  }

  get strangers(): number {
    return this.#strangers.size;
  }

  /** Connections that got 429 instead of a greeting. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  readonly accept = (link: Link): void => {
    const { limits } = this.#world;
    if (
      (this.#strangersOf.get(link.address) ?? 0) >= limits.unauthenticatedPerAddress ||
      this.#sessions.size - this.#strangers.size >= limits.sessions
    ) {
      this.#turnAway(link);
      return;
    }
    const session = new Session(this.#world, link, this.#methods(link), this.#hooks);
    this.#sessions.set(session.id, session);
    this.#strangers.add(session);
    this.#count(link.address, 1);
    if (this.#strangers.size > limits.unauthenticated) this.#evictOldest();
  };

  // ── As the directory ──

  news(session: string, news: News, text?: string): void {
    this.#sessions.get(session)?.send(news, text);
  }

  handlerClosed(session: string, handler: string): void {
    this.#sessions.get(session)?.send({ type: 'handler-closed', handler });
  }

  wireEnded(session: string): void {
    this.#sessions.get(session)?.send({ type: 'wire-ended' });
  }

  /** Live sessions, for a checkpoint. */
  all(): readonly Session[] {
    return [...this.#sessions.values()];
  }

  shutdown(): void {
    for (const session of this.all()) session.send({ type: 'shutdown' });
  }

  readonly #hooks: SessionHooks = {
    authenticated: (session) => this.#known(session),
    closed: (session) => {
      this.#known(session);
      this.#sessions.delete(session.id);
    },
    verify: (session, hello) => {
      const delay = this.#attempts.delay(session.context.address);
      if (delay === 0) void this.#verify(session, hello);
      else this.#world.clock.after(delay, () => void this.#verify(session, hello));
    },
  };

  /** It is no stranger any more: authenticated, or closed. */
  #known(session: Session): void {
    if (this.#strangers.delete(session)) this.#count(session.link.address, -1);
  }

  #count(address: string, by: 1 | -1): void {
    const count = (this.#strangersOf.get(address) ?? 0) + by;
    if (count > 0) this.#strangersOf.set(address, count);
    else this.#strangersOf.delete(address);
  }

  #evictOldest(): void {
    const [oldest] = this.#strangers;
    if (oldest === undefined) return;
    this.#turnedAway++;
    oldest.send({ type: 'evicted' }, 'too many sessions are not authenticated; this one was the oldest');
  }

  #turnAway(link: Link): void {
    this.#turnedAway++;
    const guard = this.#world.clock.after(LINGER_MS, () => link.destroy());
    link.attach({
      data: () => undefined,
      drain: () => undefined,
      end: () => undefined,
      closed: () => guard.cancel(),
    });
    const line = formatRefusal({
      reason: 'too-many-sessions',
      text: 'too many sessions of this address are open; try again later',
    });
    link.write(encoder.encode(`${line}\n`));
    link.end();
  }

  /** Methods of HELLO that are good on this connection (section 2). */
  #methods(link: Link): readonly AuthMethod[] {
    const { authenticator, configuration } = this.#world;
    const private_ = link.scheme !== 'tcp' || link.loopback || configuration.allowPlaintext;
    const methods: AuthMethod[] = [];
    if (authenticator.passwords && private_) methods.push('password');
    if (authenticator.certificates && link.scheme === 'tls') methods.push('cert');
    if (link.scheme === 'unix') methods.push('local');
    return methods;
  }

  async #verify(session: Session, hello: Hello): Promise<void> {
    const { address } = session.context;
    const outcome = await this.#identify(session, hello);
    if (typeof outcome === 'string') {
      session.send({ type: 'verified', identity: outcome });
      return;
    }
    if (outcome.reason === 'authentication-failed') this.#attempts.failed(address);
    session.send({ type: 'rejected', reason: outcome.reason });
  }

  async #identify(
    session: Session,
    hello: Hello,
  ): Promise<string | { readonly reason: 'authentication-failed' | 'too-many-attempts' }> {
    const { authenticator, secrets, diagnostics } = this.#world;
    const failed = { reason: 'authentication-failed' } as const;
    if (hello.method === 'local') return 'local';
    if (hello.method === 'cert') {
      const { certificate } = session.link;
      return (certificate && authenticator.identify(certificate)) ?? failed;
    }
    const secret = secrets.get(hello.secret) ?? '';
    secrets.drop(hello.secret);
    try {
      const right = await authenticator.verify(hello.identity, secret, session.context.address);
      return right ? hello.identity : failed;
    } catch (error) {
      // The queue of secrets to be checked is bounded; whatever else goes wrong must not let anybody in either.
      diagnostics.warn(
        { session: session.id, error: (error as Error).message },
        'HELLO could not be checked',
      );
      return { reason: 'too-many-attempts' };
    }
  }
}
