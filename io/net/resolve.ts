/**
 * Host names to addresses, as getaddrinfo(3) has them: by nsswitch.conf(5), so `/etc/hosts` first, in the order of RFC
 * 6724. One look-up a name is under way, whoever asks; none waits behind others.
 */
import { isIP } from 'node:net';
import { addon } from '../device/addon.ts';

/** Names at once, a thread each. So many dark ones are an attack or a mistake. */
const MOST_LOOKUPS = 256;
/** Longer than any look-up; setTimeout takes no more. */
const FOR_EVER_MS = 2 ** 31 - 1;

const underWay = new Map<string, Promise<readonly string[]>>();

/**
 * The addresses of a host name or of an address, at least one. Given up when the signal says so; the look-up itself
 * goes on then, for others, and keeps no process alive.
 * @throws Error with `code` ENOTFOUND, EAI_AGAIN …; the signal's reason
 */
export async function resolveHost(host: string, signal?: AbortSignal): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  const asked = underWay.get(host) ?? begin(host);
  const awake = setTimeout(() => {}, FOR_EVER_MS);
  try {
    return await (signal === undefined ? asked : unlessAborted(asked, signal));
  } finally {
    clearTimeout(awake);
  }
}

function begin(host: string): Promise<readonly string[]> {
  if (underWay.size >= MOST_LOOKUPS) return Promise.reject(failure(host, 'EAI_AGAIN'));
  const asked = new Promise<readonly string[]>((resolve, reject) => {
    addon().lookUp(host, (code, addresses) => {
      underWay.delete(host);
      const failed = code === '' && addresses.length === 0 ? 'ENOTFOUND' : code;
      if (failed === '') resolve([...new Set(addresses)]);
      else reject(failure(host, failed));
    });
  });
  // A call that threw left nothing under way.
  asked.catch(() => underWay.delete(host));
  underWay.set(host, asked);
  return asked;
}

function failure(host: string, code: string): Error {
  return Object.assign(new Error(`${host} could not be looked up (${code})`), { code });
}

function unlessAborted<T>(asked: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    asked.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
