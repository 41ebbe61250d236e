/** Hosts and ports in URLs: a DNS name, an IPv4 address, or an IPv6 address in brackets (RFC 3986, section 3.2.2). */

export const DEFAULT_PORT = 7411;

/** `host` without brackets. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const LABELS =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/;

/** `HOST[:PORT]`, in normal form (host in lower case); undefined where it is not one. Port 0 only where `zero`. */
export function parseHostPort(text: string, zero = false): HostPort | undefined {
  const parts = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::([0-9]{1,5}))?$/.exec(text);
  if (!parts) return undefined;
  const [, v6, name, digits] = parts;
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (port > 65_535 || (port === 0 && !zero)) return undefined;
  const host = v6 === undefined ? parseHostname(name ?? '') : parseIPv6(v6);
  return host === undefined ? undefined : { host, port };
}

/** `host:port`, IPv6 in brackets. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseHostname(text: string): string | undefined {
  const host = text.toLowerCase();
  if (!LABELS.test(host)) return undefined;
  const lastLabel = host.slice(host.lastIndexOf('.') + 1);
  // A name whose last label is a number would be read as an IPv4 address, in one of its old forms, by the resolver.
  return /^(?:[0-9]+|0x[0-9a-f]*)$/.test(lastLabel) && !isIPv4(host) ? undefined : host;
}

function isIPv4(text: string): boolean {
  const octets = text.split('.');
  return (
    octets.length === 4 &&
    octets.every((octet) => /^(?:0|[1-9][0-9]{0,2})$/.test(octet) && Number(octet) <= 255)
  );
}

/** An IPv6 address (RFC 4291, section 2.2) in lower case, with a zone (RFC 4007) as it was. */
function parseIPv6(text: string): string | undefined {
  const percent = text.indexOf('%');
  const zone = percent < 0 ? '' : text.slice(percent);
  if (zone !== '' && !/^%[A-Za-z0-9._-]{1,15}$/.test(zone)) return undefined;
  const address = (percent < 0 ? text : text.slice(0, percent)).toLowerCase();
  const halves = address.split('::');
  if (halves.length > 2) return undefined;
  const [left, right] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const groups = [...(left ?? []), ...(right ?? [])];
  const last = groups.at(-1);
  const ends4 = last !== undefined && !address.endsWith('::') && isIPv4(last);
  const hex = ends4 ? groups.slice(0, -1) : groups;
  if (!hex.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return undefined;
  const words = hex.length + (ends4 ? 2 : 0);
  const fits = halves.length === 2 ? words <= 7 : words === 8;
  return fits ? address + zone : undefined;
}
