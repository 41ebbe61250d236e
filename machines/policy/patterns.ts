/**
 * The patterns of a policy. Each is compiled once, when the policy is read, to a function that says whether a value
 * fits; a pattern that could never fit anything is an error rather than a rule that silently allows nothing.
 */
import { isIfname } from '../protocol/devices.ts';
import { ANY_MAC, macNumber, parseMac } from '../protocol/mac.ts';
import { formatRemote, parseRemote } from '../protocol/remote.ts';
import type { DeviceSpec, Remote } from '../protocol/types.ts';

export const ANY = '*';

export type Fits<T> = (value: T) => boolean;
/** The test, or what is wrong with the pattern. */
export type Compiled<T> = Fits<T> | string;

const everything = () => true;

/** A text in which `*` stands for any run of characters, also none. */
export function glob(pattern: string): Fits<string> {
  const parts = pattern.split(ANY);
  if (parts.length === 1) return (text) => text === pattern;
  const [head = '', ...rest] = parts;
  const tail = rest.pop() ?? '';
  return (text) => {
    if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail))
      return false;
    // First places are as good as any: what is matched early leaves the most room for the rest.
    let at = head.length;
    const end = text.length - tail.length;
    for (const part of rest) {
      const found = text.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}

const DEVICE_FORMS =
  'a device pattern is <ifname>, packet:<ifname>, pcap:<ifname>, tap:<name> or tap:<name>?bridge=<ifname>, with * in names';

/**
 * A pattern without backend is good for the interface however it is captured, one with backend for that alone. A
 * `tap:` pattern without `?bridge=` is good for a TAP in no bridge: a bridge is a way to a whole LAN.
 */
export function compileDevice(pattern: string): Compiled<DeviceSpec> {
  if (pattern === ANY) return everything;
  const parts = /^(?:(packet|pcap|tap):)?([^:?]+)(?:\?bridge=([^?&]+))?$/.exec(pattern);
  const [, form, name = '', bridge] = parts ?? [];
  if (!isNamePattern(name) || (bridge !== undefined && (form !== 'tap' || !isNamePattern(bridge))))
    return DEVICE_FORMS;
  const named = glob(name);
  if (form === 'tap') {
    const bridged = bridge === undefined ? undefined : glob(bridge);
    return (device) =>
      device.kind === 'tap' &&
      named(device.ifname) &&
      (device.bridge === undefined ? bridged === undefined : (bridged?.(device.bridge) ?? false));
  }
  return (device) =>
    device.kind === 'interface' && named(device.ifname) && (form === undefined || device.backend === form);
}

function isNamePattern(name: string): boolean {
  return (
    name !== '' && isIfname(name.replaceAll(ANY, 'x').slice(0, 15)) && name.replaceAll(ANY, '').length <= 15
  );
}

const MAC_FORMS =
  'a MAC pattern is 52:54:00:12:34:56, 52:54:00:* (one to five octets), 52:54:00:00:00:00/24 (1 to 48 bits) or *';

/** @returns a test of addresses in lower case; `*` alone fits BRIDGE's `*` too */
export function compileMac(pattern: string): Compiled<string> {
  if (pattern === ANY) return everything;
  const lower = pattern.toLowerCase();
  if (/^(?:[0-9a-f]{2}:){1,5}\*$/.test(lower)) return (mac) => mac.startsWith(lower.slice(0, -1));
  const [text = '', bits] = lower.split('/', 2);
  const mac = parseMac(text);
  if (!mac.ok) return MAC_FORMS;
  if (bits === undefined) return (candidate) => candidate === mac.value;
  if (!/^[1-9][0-9]?$/.test(bits) || Number(bits) > 48) return MAC_FORMS;
  const size = 2 ** (48 - Number(bits));
  const wanted = Math.floor(macNumber(mac.value) / size);
  return (candidate) => candidate !== ANY_MAC && Math.floor(macNumber(candidate) / size) === wanted;
}

const REMOTE_FORMS =
  'a remote pattern is peer:<name>, tcp://HOST:PORT or tls://HOST:PORT, as in HANDLE and without a pin, with * in it, or *';

/** Held against the remote's normal form: lower-case host, the port always there, no pin. */
export function compileRemote(pattern: string): Compiled<Remote> {
  if (pattern === ANY) return everything;
  const fits = glob(normalRemote(pattern) ?? '');
  if (normalRemote(pattern) === undefined) return REMOTE_FORMS;
  return (remote) => fits(remote.kind === 'peer' ? formatRemote(remote) : remote.url);
}

function normalRemote(pattern: string): string | undefined {
  if (!pattern.includes(ANY)) {
    const remote = parseRemote(pattern);
    if (!remote.ok) return undefined;
    if (remote.value.kind === 'peer') return pattern;
    return remote.value.pin === undefined ? remote.value.url : undefined;
  }
  if (/^peer:[A-Za-z0-9._*-]+$/.test(pattern)) return pattern;
  const url = /^(?:tcp|tls):\/\/[A-Za-z0-9._:[\]%*-]+$/.test(pattern) && /(?::[0-9*]+|\*)$/.test(pattern);
  return url ? pattern.toLowerCase() : undefined;
}
