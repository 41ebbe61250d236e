/** A server that is reached over the network, as `vnet conform URL` tests it. */
import { createSocket } from 'node:dgram';
import { formatHostPort, parseLinkUrl } from '../../../io/net/address.ts';
import { realNetwork } from '../../../io/net/network.ts';
import { type KeyPair, NO_TLS_MATERIAL } from '../../../io/net/tls-material.ts';
import type { Link, Listener } from '../../../io/ports.ts';
import { UsageError } from '../cli/failures.ts';
import { tlsMaterial } from '../client/connect.ts';
import type { ClientSettings } from '../client/settings.ts';
import { type Certificate, strangersCertificate } from './certificate.ts';
import type { Credentials, Target } from './target.ts';

export interface OutsideOptions {
  readonly settings: ClientSettings;
  readonly device: string;
  readonly secondDevice?: string;
  readonly secondLogin?: Credentials;
  /** Address of this machine that the server can dial; found out when undefined. */
  readonly reach?: string;
  readonly patience: number;
}

const LOOPBACK = '127.0.0.1';

/** @throws UsageError when a password would cross a network in the clear */
export async function outsideTarget(options: OutsideOptions): Promise<Target> {
  const { settings, device, secondDevice, secondLogin, patience } = options;
  const { server, login } = settings;
  const { scheme } = parseLinkUrl(server);
  const material = await tlsMaterial(settings);
  const network = realNetwork({ tls: () => material });
  const reach = options.reach ?? (await ownAddress(server));
  const certificate = isLoopback(reach) ? undefined : await strangersCertificate();
  if (scheme === 'tcp' && login.method === 'password' && !isLoopback(reach) && !settings.allowPlaintext) {
    throw new UsageError(
      `the password would cross the network in the clear to ${server}: use tls://, or --allow-plaintext if you mean it`,
    );
  }
  const target: Target = {
    url: server,
    scheme,
    login: login.method === 'password' ? login : { method: login.method },
    device,
    ...(secondDevice === undefined ? {} : { secondDevice }),
    ...(secondLogin === undefined ? {} : { secondLogin }),
    patience,
    dial: () =>
      network.dial(server, {
        signal: AbortSignal.timeout(patience),
        clientCertificate: login.method === 'cert',
      }),
    listen: (accept, own) => listen(reach, accept, own ?? certificate, own === undefined),
    nowhere: async () => {
      const listener = await listen(reach, (link) => link.destroy(), undefined, false);
      await listener.close();
      return listener.url;
    },
  };
  return target;
}

/** A password goes to the stand-in over TLS where it is on another machine; its certificate is pinned. */
async function listen(
  reach: string,
  accept: (link: Link) => void,
  own: KeyPair | undefined,
  pinned: boolean,
): Promise<Listener> {
  const network = realNetwork({ tls: () => ({ ...NO_TLS_MATERIAL, ...(own === undefined ? {} : { own }) }) });
  const scheme = own === undefined ? 'tcp' : 'tls';
  const listener = await network.listen(`${scheme}://${formatHostPort(reach, 0)}`, accept);
  const pin = pinned && own !== undefined ? `?pin=${(own as Certificate).fingerprint}` : '';
  return { url: `${listener.url}${pin}`, close: () => listener.close() };
}

function isLoopback(host: string): boolean {
  return host === '::1' || host === 'localhost' || /^127\./.test(host);
}

/** The address of this machine from which the server is reached. */
async function ownAddress(server: string): Promise<string> {
  const url = parseLinkUrl(server);
  if (url.scheme === 'unix') return LOOPBACK;
  for (const kind of ['udp4', 'udp6'] as const) {
    const socket = createSocket(kind);
    try {
      // A UDP socket that is connected asks the routing table, and sends nothing.
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.connect(url.port, url.host, resolve);
      });
      return socket.address().address;
    } catch {
      // Not of this family: the other one is tried.
    } finally {
      socket.close();
    }
  }
  throw new UsageError(
    `it cannot be told under which address ${server} reaches this machine: say so with --reach ADDRESS`,
  );
}
