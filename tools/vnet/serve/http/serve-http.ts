/** Puts the HTTP listener of a server together. */
import type { Server } from '../../../../actors/server.ts';
import { type HttpContext, listenHttp } from '../../../../io/http/listen.ts';
import { isPrivate, parseHttpUrl } from '../../../../io/http/url.ts';
import type { Listener } from '../../../../io/ports.ts';
import { Access } from './access.ts';
import { type AnswerWorld, answers } from './answers.ts';

export type HttpParts = HttpContext & Pick<AnswerWorld, 'ready' | 'beside'> & { readonly server: Server };

/** @throws Error that says why the address cannot be had */
export function serveHttp(text: string, parts: HttpParts): Promise<Listener> {
  const url = parseHttpUrl(text);
  const { server } = parts;
  const handlers = {
    owners: (id: string) => server.handlers.byId(id).map(({ context }) => context.identity),
    count: (owner: string) =>
      server.handlers.all().filter(({ context }) => context.identity === owner).length,
  };
  const { clock, authenticator, configuration } = server;
  const access = isPrivate(url) ? undefined : new Access({ clock, authenticator, configuration, handlers });
  return listenHttp(url, answers({ ...parts, access }), parts);
}
