import { DEVICES, TAPS } from './devices.ts';
import { INITIATORS } from './initiators.ts';
import { RESPONDERS } from './responders.ts';
import type { Scripts } from './script.ts';
import { SERVERS } from './servers.ts';
import { SESSIONS } from './sessions.ts';
import { WIRES } from './wires.ts';

/** The same scripts, recorded with the next version of a machine. */
function anew(scripts: Scripts, version: string): Scripts {
  return Object.fromEntries(Object.entries(scripts).map(([name, script]) => [`${version}-${name}`, script]));
}

const { 'responder-crash': crash, 'responder-crash-early': crashEarly } = RESPONDERS;

export const SCRIPTS: Scripts = {
  ...SESSIONS,
  ...INITIATORS,
  ...RESPONDERS,
  ...DEVICES,
  ...TAPS,
  ...SERVERS,
  ...WIRES,
  ...anew({ ...DEVICES, 'responder-crash': crash!, 'responder-crash-early': crashEarly! }, 'device-2'),
};
