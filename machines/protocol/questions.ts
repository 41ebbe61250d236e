/** Arguments of the commands that ask about frames: TRACE?, DROPS?, CAPTURE, PING? (PROTOCOL.md section 3). */
import { parseDevice } from './devices.ts';
import { bad, good, type Result } from './errors.ts';
import { isHandlerId, parseHandlerId } from './ids.ts';
import { parseMac } from './mac.ts';
import { looksLikeOption } from './options.ts';
import type { Token } from './tokens.ts';
import type { Capture, FramePlace, Ping, Trace } from './types.ts';

const LEAST_FRAME = 14;
/** Bytes that a line may spell out. */
const MOST_SPELT = 1_600;
/** Bytes with the zeros behind: the longest frame that any record carries. */
const MOST_FRAME = 65_575;
/** Bytes of a frame that CAPTURE shows when nothing is said. */
const WHOLE_FRAME = 65_575;
const MOST_PINGS = 100;
const DEFAULT_PINGS = 5;

const FRAME_RULE = `a frame is ${LEAST_FRAME} to ${MOST_SPELT} bytes in hex, and x<n> behind them for n zero bytes more, ${MOST_FRAME} in all`;

/** A Handler's id, or a device; an alternative name that looks like an id is to be written with its backend. */
function parsePlace(text: string): Result<FramePlace> {
  if (isHandlerId(text)) return good({ kind: 'handler', handler: text });
  const device = parseDevice(text);
  return device.ok ? good({ kind: 'device', device: device.value }) : device;
}

export function parseTrace(tokens: readonly Token[]): Result<Trace> {
  const [where, frame, ...more] = tokens;
  if (!where || !frame || more.length > 0) {
    return bad('syntax', 'TRACE? takes two arguments: a device or the id of a Handler, and a frame in hex');
  }
  const place = parsePlace(where.text);
  if (!place.ok) return place;
  const hex = expandFrame(frame.text);
  return hex === undefined ? bad('syntax', FRAME_RULE) : good({ place: place.value, frame: hex });
}

/** @returns the whole frame in hex, or undefined when it is none */
function expandFrame(text: string): string | undefined {
  const found = /^((?:[0-9a-fA-F]{2})*)(?:x([0-9]{1,5}))?$/.exec(text);
  if (found === null) return undefined;
  const [, spelt = '', zeros = '0'] = found;
  const bytes = spelt.length / 2;
  const all = bytes + Number(zeros);
  if (bytes > MOST_SPELT || all < LEAST_FRAME || all > MOST_FRAME) return undefined;
  return spelt.toLowerCase() + '00'.repeat(Number(zeros));
}

/** A frame as TRACE? takes it: zeros at its end are counted, not spelt out. */
export function formatFrame(frame: Uint8Array): string {
  let end = frame.length;
  while (end > 0 && frame[end - 1] === 0) end--;
  const spelt = Array.from(frame.subarray(0, end), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return end === frame.length ? spelt : `${spelt}x${frame.length - end}`;
}

export function parseDrops(tokens: readonly Token[]): Result<{ readonly handler?: string }> {
  const [only, ...more] = tokens;
  if (only === undefined) return good({});
  if (more.length > 0) return bad('syntax', 'DROPS? takes one argument at most, the id of a Handler');
  const handler = parseHandlerId(only.text);
  return handler.ok ? good({ handler: handler.value }) : handler;
}

export function parsePing(tokens: readonly Token[]): Result<Ping> {
  const [id, ...options] = tokens;
  if (id === undefined) return bad('syntax', 'PING? needs the id of a Handler');
  const handler = parseHandlerId(id.text);
  if (!handler.ok) return handler;
  let count = DEFAULT_PINGS;
  for (const { text } of options) {
    if (!looksLikeOption(text)) return bad('syntax', 'PING? takes one argument, the id of a Handler');
    const found = /^count=([1-9][0-9]{0,2})$/.exec(text);
    if (found === null || Number(found[1]) > MOST_PINGS || options.length > 1) {
      return bad('bad-option', `PING? has one option, count=<n>, 1 to ${MOST_PINGS}`);
    }
    count = Number(found[1]);
  }
  return good({ handler: handler.value, count });
}

const CAPTURE_RULE =
  'options of CAPTURE, each once at most: snap=<bytes, 14 to 65575>, only=dropped or only=carried, mac=<address>, type=0x<hex>';

export function parseCapture(tokens: readonly Token[]): Result<Capture> {
  const [where, ...options] = tokens;
  if (where === undefined) return bad('syntax', 'CAPTURE needs a device or the id of a Handler');
  const place = parsePlace(where.text);
  if (!place.ok) return place;
  const read = new Map<string, string | number>();
  for (const { text } of options) {
    if (!looksLikeOption(text)) {
      return bad('syntax', 'CAPTURE takes one argument, a device or the id of a Handler');
    }
    const equals = text.indexOf('=');
    const key = text.slice(0, Math.max(0, equals));
    const value = readCaptureOption(key, text.slice(equals + 1));
    if (value === undefined || read.has(key)) return bad('bad-option', CAPTURE_RULE);
    read.set(key, value);
  }
  const { snap = WHOLE_FRAME, ...others } = Object.fromEntries(read);
  return good({ place: place.value, snap, ...others } as Capture);
}

function macOf(text: string): string | undefined {
  const mac = parseMac(text);
  return mac.ok ? mac.value : undefined;
}

function readCaptureOption(key: string, value: string): string | number | undefined {
  switch (key) {
    case 'snap': {
      const bytes = /^[0-9]{2,5}$/.test(value) ? Number(value) : 0;
      return bytes >= LEAST_FRAME && bytes <= WHOLE_FRAME ? bytes : undefined;
    }
    case 'only':
      return value === 'dropped' || value === 'carried' ? value : undefined;
    case 'mac':
      return macOf(value);
    case 'type':
      return /^0x[0-9a-fA-F]{1,4}$/.test(value) ? Number(value) : undefined;
    default:
      return undefined;
  }
}
