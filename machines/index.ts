/** Every machine definition that a log can be replayed with. A change that breaks old logs adds a version here. */
import { deviceMachine } from './device/machine.ts';
import { deviceMachineV1 } from './device/machine-v1.ts';
import { initiatorMachine } from './handler/initiator.ts';
import { responderMachine } from './handler/responder.ts';
import { define, machineTable } from './log/registry.ts';
import { serverMachine } from './server/machine.ts';
import { sessionMachine } from './session/machine.ts';

export const sessionDefinition = define(sessionMachine, 'session', 1);
export const initiatorDefinition = define(initiatorMachine, 'initiator', 1);
export const responderDefinition = define(responderMachine, 'responder', 1);
export const deviceDefinition = define(deviceMachine, 'device', 2);
export const serverDefinition = define(serverMachine, 'server', 1);

export const MACHINES = machineTable([
  sessionDefinition,
  initiatorDefinition,
  responderDefinition,
  define(deviceMachineV1, 'device', 1),
  deviceDefinition,
  serverDefinition,
]);
