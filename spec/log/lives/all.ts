import { DEVICES } from './devices.ts';
import { INITIATORS } from './initiators.ts';
import type { Lives } from './life.ts';
import { RESPONDERS } from './responders.ts';
import { SERVERS } from './servers.ts';
import { SESSIONS } from './sessions.ts';
import { WIRES } from './wires.ts';

/** The same lives, recorded with the next version of a machine. */
function anew(lives: Lives, version: string): Lives {
  return Object.fromEntries(Object.entries(lives).map(([name, live]) => [`${version}-${name}`, live]));
}

const { 'responder-crash': crash, 'responder-crash-early': crashEarly } = RESPONDERS;

export const LIVES: Lives = {
  ...SESSIONS,
  ...INITIATORS,
  ...RESPONDERS,
  ...DEVICES,
  ...SERVERS,
  ...WIRES,
  ...anew({ ...DEVICES, 'responder-crash': crash!, 'responder-crash-early': crashEarly! }, 'device-2'),
};
