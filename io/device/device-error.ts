/** The kernel's errors as reasons of PROTOCOL.md section 5. */

import { DeviceError } from '../ports.ts';
import type { SystemError } from './addon.ts';

export function isSystemError(cause: unknown): cause is SystemError {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string';
}

/**
 * What to tell when opening or changing `ifname` failed. `capability` is the one that a refusal points to.
 */
export function deviceError(
  cause: unknown,
  ifname: string,
  capability: 'CAP_NET_ADMIN' | 'CAP_NET_RAW',
): DeviceError {
  if (cause instanceof DeviceError) return cause;
  if (!isSystemError(cause)) return new DeviceError('internal', `${ifname}: ${String(cause)}`);
  const told = `${ifname}: ${cause.message}`;
  switch (cause.code) {
    case 'EPERM':
    case 'EACCES':
      return new DeviceError('forbidden', `${told}; ${remedy(cause, capability)}`);
    case 'ENODEV':
    case 'ENXIO':
      return new DeviceError('no-such-device', `there is no interface ${ifname} any more`);
    case 'EBUSY':
      return new DeviceError('device-busy', `${ifname} is in use by another program`);
    case 'EINVAL':
    case 'ERANGE':
    case 'EOPNOTSUPP':
      return new DeviceError('bad-device', told);
    case 'EMFILE':
    case 'ENFILE':
      return new DeviceError('internal', `${told}; raise the limit of open files (ulimit -n, LimitNOFILE=)`);
    default:
      return new DeviceError('internal', told);
  }
}

function remedy(cause: SystemError, capability: string): string {
  // Opening the file itself is a matter of its mode, which no capability that we want overrides.
  const file = cause.code === 'EACCES' && cause.message.startsWith('/dev/');
  return file
    ? `udev makes this file open to all (mode 0666), and the server needs ${capability} besides`
    : `the server needs ${capability}`;
}

export function noSuchDevice(ifname: string): DeviceError {
  return new DeviceError('no-such-device', `there is no interface ${ifname}`);
}
