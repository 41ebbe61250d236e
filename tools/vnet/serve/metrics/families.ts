/** All metrics. `docs/METRICS.md` is made of this table, and a test holds it to it. */
import type { Family, Group } from './family.ts';
import { DEVICES } from './of-devices.ts';
import { HANDLERS, WIRES } from './of-handlers.ts';
import { PROCESS } from './of-process.ts';
import { SERVER } from './of-server.ts';

export const GROUPS: readonly Group[] = [SERVER, HANDLERS, WIRES, DEVICES, PROCESS];
export const FAMILIES: readonly Family[] = GROUPS.flatMap(({ families }) => families);
