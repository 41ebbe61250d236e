import type { Socket } from 'node:net';
import type { Diagnostics, Network } from '../ports.ts';
import { dial } from './dial.ts';
import type { HandshakeLimits } from './handshakes.ts';
import { acceptFailures, listen } from './listen.ts';
import { SharedPorts } from './shared-ports.ts';
import type { KernelSocket } from './socket-link.ts';
import { NO_TLS_MATERIAL, type TlsMaterial } from './tls-material.ts';

export interface NetworkOptions {
  /** What TLS works with now; asked at each connection, so that a new object takes effect at once. */
  readonly tls?: () => TlsMaterial;
  /** Mode of unix sockets whose URL has no `?mode=`; 0600 by default. */
  readonly unixMode?: number;
  /** Called with the descriptor of each TCP connection, also of those under TLS, for socket options that Node has not. */
  readonly tune?: (fd: number) => void;
  /** What to do past Node with the socket of that descriptor; without it everything goes by Node's own means. */
  readonly kernel?: (fd: number) => KernelSocket;
  readonly handshakes?: HandshakeLimits;
  readonly diagnostics?: Diagnostics;
}

/** Links over the sockets of this machine: `tcp://HOST:PORT`, `tls://HOST:PORT[?pin=…]`, `unix:///PATH[?mode=…]`. */
export function realNetwork(options: NetworkOptions = {}): Network {
  const failures = acceptFailures(options.diagnostics);
  const around = {
    ...options,
    ports: new SharedPorts((error) => failures.happened(error.message)),
    material: options.tls ?? (() => NO_TLS_MATERIAL),
    tune: (socket: Socket) => {
      const fd = descriptor(socket);
      if (fd !== undefined) options.tune?.(fd);
    },
    kernel: (socket: Socket): KernelSocket | undefined => {
      const fd = descriptor(socket);
      return fd === undefined ? undefined : options.kernel?.(fd);
    },
  };
  return {
    listen: (url, accept) => listen(url, accept, around),
    dial: (url, how) => dial(url, how, around),
  };
}

function descriptor(socket: Socket): number | undefined {
  const { _handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } | null };
  return _handle?.fd !== undefined && _handle.fd >= 0 ? _handle.fd : undefined;
}
