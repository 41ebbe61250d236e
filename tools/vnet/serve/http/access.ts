/** Who may read the metrics where more than this machine can ask: Basic auth (RFC 7617) of the identities of HELLO. */
import { networkOf } from '../../../../actors/session/addresses.ts';
import { FailedHellos } from '../../../../actors/session/failed-hellos.ts';
import type { Configuration } from '../../../../actors/world.ts';
import { Busy } from '../../../../io/auth/fair-queue.ts';
import { plainAnswer } from '../../../../io/http/listen.ts';
import type { Authenticator, Clock, HttpAnswer, HttpRequest } from '../../../../io/ports.ts';
import type { HandlersSeen } from '../../../../machines/policy/policy.ts';
import { bad, good } from '../../../../machines/protocol/errors.ts';
import { isName } from '../../../../machines/protocol/ids.ts';

const MS = 1000;

const UNKNOWN = plainAnswer(401, 'this needs the name and the password of an identity of this server', {
  'WWW-Authenticate': 'Basic realm="vnet", charset="UTF-8"',
});

export interface AccessWorld {
  readonly clock: Clock;
  readonly authenticator: Authenticator;
  readonly configuration: Pick<Configuration, 'forbids'>;
  /** Handlers that stand, for rules on those of others. */
  readonly handlers: HandlersSeen;
}

/** Which Handlers are told of; or why nothing is. */
export type Admission = { readonly sees: (handler: string) => boolean } | { readonly refusal: HttpAnswer };

/** Identity and secret of a header `Authorization: Basic …`; undefined when it is none. */
export function basicCredentials(
  header: string | undefined,
): { readonly identity: string; readonly secret: string } | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(header ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const identity = text.slice(0, colon);
  return colon < 0 || !isName(identity) ? undefined : { identity, secret: text.slice(colon + 1) };
}

export class Access {
  readonly #world: AccessWorld;
  /** Beside those of sessions: who guesses here does not make HELLO of others wait. */
  readonly #failed: FailedHellos;

  constructor(world: AccessWorld) {
    this.#world = world;
    this.#failed = new FailedHellos(world.clock);
  }

  async admit({ authorization, address }: HttpRequest): Promise<Admission> {
    const given = basicCredentials(authorization);
    if (given === undefined) return { refusal: UNKNOWN };
    const delay = this.#failed.delay(address);
    // Past what mistyping makes: nobody is held in line, where they would take up connections.
    if (delay > MS) return { refusal: later(delay, 'too many wrong passwords came from this address') };
    let right: boolean;
    try {
      right = await this.#world.authenticator.verify(given.identity, given.secret, networkOf(address));
    } catch (error) {
      // The queue of secrets to be checked is bounded.
      if (!(error instanceof Busy)) throw error;
      return { refusal: later(MS, 'the password could not be checked just now') };
    }
    if (!right) {
      this.#failed.failed(address);
      return { refusal: UNKNOWN };
    }
    return this.#judge(given.identity);
  }

  #judge(identity: string): Admission {
    const { configuration, handlers } = this.#world;
    // Arguments that are not there to be looked at: the rule is asked for the command alone.
    const stats = bad('syntax', 'for no Handler');
    const forbidden =
      configuration.forbids(identity, { verb: 'STATUS?', args: good(null) }, handlers) ??
      configuration.forbids(identity, { verb: 'STATS?', args: stats }, handlers);
    if (forbidden !== undefined) {
      return { refusal: plainAnswer(403, `${forbidden.text} (rule ${forbidden.rule})`) };
    }
    const sees = (handler: string) =>
      configuration.forbids(identity, { verb: 'STATS?', args: good({ handler }) }, handlers) === undefined;
    return { sees };
  }
}

function later(ms: number, why: string): HttpAnswer {
  return plainAnswer(429, `${why}; try again later`, { 'Retry-After': String(Math.ceil(ms / MS)) });
}
