/** Times as text (RFC 3339): a year has four digits there, so a clock outside of 0000 to 9999 stands at its edge. */

const EARLIEST_MS = Date.parse('0000-01-01T00:00:00.000Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

const within = (milliseconds: number): number => Math.min(Math.max(milliseconds, EARLIEST_MS), LATEST_MS);

/** The second that was formatted last, since every record has its time. */
let known = { second: Number.NaN, text: '' };

/**
 * In UTC with microseconds. Two numbers, since a double has no room for the microseconds since 1970 after the year 2255.
 * @param milliseconds since 1970, whole, negative before
 * @param micros whole microseconds to be added
 */
export function rfc3339(milliseconds: number, micros: number): string {
  const more = Math.floor(micros / 1000);
  const whole = milliseconds + more;
  const inside = within(whole);
  const rest = inside === whole ? micros - more * 1000 : inside < whole ? 999 : 0;
  const second = Math.floor(inside / 1000);
  if (second !== known.second) known = { second, text: rfc3339Millis(second * 1000).slice(0, 19) };
  return `${known.text}.${String((inside - second * 1000) * 1000 + rest).padStart(6, '0')}Z`;
}

/** In UTC with milliseconds. @param milliseconds since 1970, negative before */
export function rfc3339Millis(milliseconds: number): string {
  return new Date(within(milliseconds)).toISOString();
}

/** The time itself, or the edge that it is beyond. */
export function writableDate(date: Date): Date {
  return new Date(within(date.getTime()));
}
