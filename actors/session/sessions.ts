/** The sessions of a server: who may come in, how many at once, and how HELLO is verified. */
import type { Link, Timer } from '../../io/ports.ts';
import type { RequestOutcome } from '../../machines/handler/events.ts';
import { formatRefusal } from '../../machines/protocol/errors.ts';
import type { Hello } from '../../machines/protocol/types.ts';
import type { AuthMethod } from '../../machines/session/events.ts';
import { networkOf } from './addresses.ts';
import { FailedHellos } from './failed-hellos.ts';
import { halfClose } from './half-close.ts';
import { RateLimited } from './rate-limited.ts';
import { Session, type SessionHooks } from './session.ts';
import { UnauthenticatedSlots } from './unauthenticated-slots.ts';
import type { SessionWorld } from './world.ts';

const encoder = new TextEncoder();
/** How long a connection that is turned away is read on, so that the reason arrives. */
const LINGER_MS = 1_000;

/** A HELLO that waits because of failed ones before it. */
interface Waiting {
  readonly timer: Timer;
  readonly hello: Hello;
}

export class Sessions {
  readonly #world: SessionWorld;
  readonly #sessions = new Map<string, Session>();
  /** Those without a right HELLO yet. */
  readonly #strangers = new UnauthenticatedSlots<Session>(networkOf);
  readonly #waiting = new Map<Session, Waiting>();
  readonly #attempts: FailedHellos;
  readonly #unchecked: RateLimited;
  #turnedAway = 0;
  #lingering = 0;

  constructor(world: SessionWorld) {
    this.#world = world;
    this.#attempts = new FailedHellos(world.clock);
    this.#unchecked = new RateLimited(world.clock, (count, error) =>
      world.diagnostics.warn({ count, error }, 'HELLO could not be checked'),
    );
  }

  get count(): number {
    return this.#sessions.size;
  }

  get strangers(): number {
    return this.#strangers.size;
  }

  /** Connections that got 429 instead of a greeting, or after it to make room. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  readonly accept = (link: Link): void => {
    const full = this.#full(link.address);
    if (full !== undefined) return this.#turnAway(link, full);
    const session = new Session(this.#world, link, this.#methods(link), this.#hooks);
    this.#sessions.set(session.id, session);
    this.#strangers.take(session);
    if (this.#strangers.size > this.#world.limits.unauthenticated) this.#evictOldest();
  };

  // ── What Handlers tell ──

  news(session: string, news: RequestOutcome, text?: string): void {
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
    authenticated: (session) => this.#strangers.free(session),
    closed: (session) => {
      this.#strangers.free(session);
      this.#sessions.delete(session.id);
      this.#forgetHello(session);
    },
    verify: (session, hello) => {
      const delay = this.#attempts.delay(session.context.address);
      if (delay === 0) return void this.#verify(session, hello);
      const timer = this.#world.clock.after(delay, () => {
        this.#waiting.delete(session);
        void this.#verify(session, hello);
      });
      this.#waiting.set(session, { timer, hello });
    },
  };

  /** A HELLO whose session has gone is not checked any more: else they would pile up. */
  #forgetHello(session: Session): void {
    const waiting = this.#waiting.get(session);
    if (waiting === undefined) return;
    waiting.timer.cancel();
    this.#waiting.delete(session);
    if (waiting.hello.method === 'password') this.#world.secrets.drop(waiting.hello.secret);
  }

  /** Why there is no place for another session from there; undefined when there is one. */
  #full(address: string): string | undefined {
    const { limits } = this.#world;
    if (
      this.#strangers.ofAddress(address) >= limits.unauthenticatedPerAddress ||
      this.#strangers.ofNetworkOf(address) >= limits.unauthenticatedPerNetwork
    ) {
      return 'too many sessions of this address are not authenticated yet; try again later';
    }
    // Most of the time there are too few in all for any bound to be reached, and nobody needs to be counted.
    const known = this.#sessions.size - this.#strangers.size;
    if (known < Math.min(limits.sessions, limits.sessionsPerAddress)) return undefined;
    const texts = this.all().filter(({ state }) => state === 'authenticated' || state === 'handling');
    if (texts.length >= limits.sessions) return 'too many sessions are open; try again later';
    const mine = texts.filter(({ link }) => link.address === address).length;
    return mine < limits.sessionsPerAddress
      ? undefined
      : 'too many sessions of this address are open; try again later';
  }

  #evictOldest(): void {
    const { oldest } = this.#strangers;
    if (oldest === undefined) return;
    this.#turnedAway++;
    oldest.send({ type: 'evicted' }, 'too many sessions are not authenticated; this one was the oldest');
  }

  #turnAway(link: Link, why: string): void {
    this.#turnedAway++;
    const line = encoder.encode(`${formatRefusal({ reason: 'too-many-sessions', text: why })}\n`);
    if (this.#lingering >= this.#world.limits.turnedAway) {
      link.write(line, () => link.destroy());
      return;
    }
    this.#lingering++;
    link.write(line);
    halfClose(link, this.#world.clock, LINGER_MS, () => {
      this.#lingering--;
    });
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
    const outcome = await this.#identify(session, hello);
    if (typeof outcome === 'string') {
      session.send({ type: 'verified', identity: outcome });
      return;
    }
    if (outcome.reason === 'authentication-failed') this.#attempts.failed(session.context.address);
    session.send({ type: 'rejected', reason: outcome.reason });
  }

  async #identify(
    session: Session,
    hello: Hello,
  ): Promise<string | { readonly reason: 'authentication-failed' | 'too-many-attempts' }> {
    const { authenticator, secrets } = this.#world;
    const failed = { reason: 'authentication-failed' } as const;
    if (hello.method === 'local') return 'local';
    if (hello.method === 'cert') {
      const { certificate } = session.link;
      return (certificate && authenticator.identify(certificate)) ?? failed;
    }
    const secret = secrets.get(hello.secret) ?? '';
    secrets.drop(hello.secret);
    try {
      const right = await authenticator.verify(hello.identity, secret, networkOf(session.context.address));
      return right ? hello.identity : failed;
    } catch (error) {
      // The queue of secrets to be checked is bounded; whatever else goes wrong must not let anybody in either.
      this.#unchecked.happened((error as Error).message);
      return { reason: 'too-many-attempts' };
    }
  }
}
