/**
 * Arguments of each command, read from left to right. A secret is handed over last, when all else is right, so that
 * a refused line leaves none behind. No text of an error quotes an argument: with a word too few or too many any of
 * them could be a secret.
 */
import { keepAuth, parsePlainAuth } from './auth.ts';
import { parseDevice } from './devices.ts';
import { bad, good, type Result } from './errors.ts';
import { formatBegin } from './format.ts';
import { DEFAULT_IDENTITY, parseHandlerId, parseIdentity } from './ids.ts';
import { parseMacs } from './mac.ts';
import { looksLikeOption, parseBeginOptions, parseHandleOptions } from './options.ts';
import { parseRemote } from './remote.ts';
import { checkPair, parseRole, refuseRoles } from './roles.ts';
import { MAX_LINE } from './splitter.ts';
import type { Token } from './tokens.ts';
import type { Begin, Ends, Handle, Hello, Join, KeepSecret } from './types.ts';

/** Words before the first MAC address. */
const HANDLE_POSITIONAL = 6;
const BEGIN_POSITIONAL = 5;
const LONGEST_ID = 'f'.repeat(64);
const ENCODER = new TextEncoder();

export function parseNone(tokens: readonly Token[]): Result<null> {
  return tokens.length === 0 ? good(null) : bad('syntax', 'this command takes no arguments');
}

/** `password [<identity>] <secret>`, `cert` or `local`; no options, all taken as it is. */
export function parseHello(tokens: readonly Token[], keep: KeepSecret): Result<Hello> {
  const [method, ...words] = tokens.map((token) => token.text);
  if ((method === 'cert' || method === 'local') && words.length === 0) return good({ method });
  const [first, second] = words;
  if (method !== 'password' || first === undefined || words.length > 2) {
    return bad(
      'syntax',
      'HELLO is followed by password [<identity>] <secret>, by cert, or by local; quote a secret with spaces',
    );
  }
  if (second === undefined) return good({ method, identity: DEFAULT_IDENTITY, secret: keep(first) });
  const identity = parseIdentity(first);
  return identity.ok ? good({ method, identity: identity.value, secret: keep(second) }) : identity;
}

export function parseHandler(tokens: readonly Token[]): Result<{ readonly handler: string }> {
  const [only, ...more] = tokens;
  if (!only || more.length > 0) return bad('syntax', 'this command takes one argument, the id of a Handler');
  const handler = parseHandlerId(only.text);
  return handler.ok ? good({ handler: handler.value }) : handler;
}

/** `<handler> <wire>`. */
export function parseJoin(tokens: readonly Token[]): Result<Join> {
  const [id, number, ...more] = tokens;
  if (!id || !number || more.length > 0) {
    return bad('syntax', 'JOIN takes two arguments, the id of a Handler and the number of a wire');
  }
  const handler = parseHandlerId(id.text);
  if (!handler.ok) return handler;
  if (!/^[1-7]$/.test(number.text)) {
    return bad('syntax', 'the number of a wire that JOINs is 1 to 7; BEGIN makes number 0');
  }
  return good({ handler: handler.value, wire: Number(number.text) });
}

export function parseHandle(tokens: readonly Token[], keep: KeepSecret): Result<Handle> {
  const [remoteToken, authToken, ...others] = tokens;
  if (!remoteToken || !authToken || tokens.length < HANDLE_POSITIONAL) {
    return bad(
      'syntax',
      'HANDLE needs remote, auth, two devices, two roles and MAC addresses, in this order',
    );
  }
  const remote = parseRemote(remoteToken.text);
  if (!remote.ok) return remote;
  const auth = parsePlainAuth(authToken);
  if (!auth.ok) return auth;
  if (auth.value.kind === 'peer-entry' && remote.value.kind !== 'peer') {
    return bad('syntax', 'auth - means what the peer entry says, so the remote must be peer:<name>');
  }
  const { ends, optionWords } = parseEnds(others.map((token) => token.text));
  if (!ends.ok) return ends;
  const options = parseHandleOptions(optionWords);
  if (!options.ok) return options;
  const begin = {
    handler: LONGEST_ID,
    ...ends.value,
    options: { ...options.value, offload: false },
    mtu: 65_535,
  };
  if (ENCODER.encode(formatBegin(begin)).length + 1 > MAX_LINE) {
    return bad(
      'bad-mac',
      `too many MAC addresses: BEGIN would be longer than the ${MAX_LINE} bytes of a line`,
    );
  }
  return good({
    remote: remote.value,
    auth: keepAuth(auth.value, keep),
    ...ends.value,
    options: options.value,
  });
}

export function parseBegin(tokens: readonly Token[]): Result<Begin> {
  const [id, ...others] = tokens.map((token) => token.text);
  if (id === undefined || tokens.length < BEGIN_POSITIONAL) {
    return bad('syntax', 'BEGIN needs a Handler id, two devices, two roles and MAC addresses, in this order');
  }
  const handler = parseHandlerId(id);
  if (!handler.ok) return handler;
  const { ends, optionWords } = parseEnds(others);
  if (!ends.ok) return ends;
  const options = parseBeginOptions(optionWords);
  if (!options.ok) return options;
  return good({ handler: handler.value, ...ends.value, ...options.value });
}

/** Two devices, two roles and MAC addresses; what follows these are options. */
function parseEnds(words: readonly string[]): { ends: Result<Ends>; optionWords: readonly string[] } {
  const [localDevice = '', remoteDevice = '', localConfig = '', remoteConfig = '', ...behind] = words;
  const firstOption = behind.findIndex(looksLikeOption);
  const macs = firstOption < 0 ? behind : behind.slice(0, firstOption);
  const optionWords = firstOption < 0 ? [] : behind.slice(firstOption);
  return { ends: readEnds([localDevice, remoteDevice, localConfig, remoteConfig], macs), optionWords };
}

function readEnds(
  [local, remote, localRole, remoteRole]: readonly [string, string, string, string],
  macWords: readonly string[],
): Result<Ends> {
  const localDevice = named('local device', parseDevice(local));
  if (!localDevice.ok) return localDevice;
  const remoteDevice = named('remote device', parseDevice(remote));
  if (!remoteDevice.ok) return remoteDevice;
  const localConfig = named('local role', parseRole(localRole));
  if (!localConfig.ok) return localConfig;
  const remoteConfig = named('remote role', parseRole(remoteRole));
  if (!remoteConfig.ok) return remoteConfig;
  const roles = refuseRoles(localConfig.value, remoteConfig.value);
  if (roles) return { ok: false, refusal: roles };
  const macs = parseMacs(macWords);
  if (!macs.ok) return macs;
  const pair = checkPair(localConfig.value, remoteConfig.value, macs.value);
  if (pair) return { ok: false, refusal: pair };
  return good({
    localDevice: localDevice.value,
    remoteDevice: remoteDevice.value,
    localConfig: localConfig.value,
    remoteConfig: remoteConfig.value,
    macs: macs.value,
  });
}

/** Says which argument it is that was refused. */
function named<T>(what: string, result: Result<T>): Result<T> {
  return result.ok ? result : bad(result.refusal.reason, `${what}: ${result.refusal.text}`);
}
