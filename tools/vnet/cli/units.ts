/** Numbers for people. Always in English form: what is printed does not hang on the machine's locale. */

/** `1234567` as `1,234,567`. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+(?!\d))/g, ',');
}

const STEPS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes in the largest binary unit that leaves at least 1, with one digit behind the point. */
export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  let scaled = value / 1024;
  let step = 0;
  while (scaled >= 1023.95 && step < STEPS.length - 1) {
    scaled /= 1024;
    step++;
  }
  return `${scaled.toFixed(1)} ${STEPS[step]}`;
}

const RATES = ['kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];

/** Bits a second, at least 1000, in the largest unit that leaves at least 1, with one digit behind the point. */
export function bitRate(value: number): string {
  let scaled = value / 1000;
  let step = 0;
  while (scaled >= 999.95 && step < RATES.length - 1) {
    scaled /= 1000;
    step++;
  }
  return `${scaled.toFixed(1)} ${RATES[step]}`;
}

/** Microseconds as `168 µs`, `1.68 ms` or `1.7 s`. */
export function microseconds(value: number): string {
  if (value < 1000) return `${value} µs`;
  if (value < 1_000_000) return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} ms`;
  return `${(value / 1_000_000).toFixed(1)} s`;
}

/** Seconds as `3d 4h 5m`, `4h 5m 6s`, `5m 6s` or `6s`. */
export function duration(seconds: number): string {
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24];
  const [minutes, rest] = [Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  if (days > 0) return `${days}d ${hours}h ${minutes}m`;
  if (hours > 0) return `${hours}h ${minutes}m ${rest}s`;
  return minutes > 0 ? `${minutes}m ${rest}s` : `${rest}s`;
}

/** A record's time (RFC 3339 UTC with microseconds) without the T and the Z. */
export function moment(time: string): string {
  return time.replace('T', ' ').replace(/Z$/, '');
}
