/** The machines that the suite holds a server to. */
import type { AnyStateMachine } from 'xstate';
import { initiatorMachine } from '../../../../machines/handler/initiator.ts';
import { responderMachine } from '../../../../machines/handler/responder.ts';
import { sessionMachine } from '../../../../machines/session/machine.ts';

export const MODELS = {
  session: sessionMachine,
  initiator: initiatorMachine,
  responder: responderMachine,
} as const satisfies Record<string, AnyStateMachine>;
