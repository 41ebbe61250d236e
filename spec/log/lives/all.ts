import { DEVICES } from './devices.ts';
import { INITIATORS } from './initiators.ts';
import type { Lives } from './life.ts';
import { RESPONDERS } from './responders.ts';
import { SERVERS } from './servers.ts';
import { SESSIONS } from './sessions.ts';
import { WIRES } from './wires.ts';

export const LIVES: Lives = { ...SESSIONS, ...INITIATORS, ...RESPONDERS, ...DEVICES, ...SERVERS, ...WIRES };
