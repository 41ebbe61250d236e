/** All cases for one server, and what of the model cannot be reached there. */
import { parseGreeting } from '../../../machines/protocol/answers.ts';
import type { Case } from './case.ts';
import { ANNOUNCEMENT_CASES } from './cases/announcements.ts';
import { FRAME_CASES } from './cases/frames.ts';
import { initiatorCases, responderCases } from './cases/handlers.ts';
import { HELLO_CASES } from './cases/hello.ts';
import { INSIDE_CASES } from './cases/inside.ts';
import { RECORD_CASES } from './cases/records.ts';
import { RULE_CASES } from './cases/rules.ts';
import { sessionCases } from './cases/session.ts';
import { TEXT_CASES } from './cases/text.ts';
import { WIRE_CASES } from './cases/wires.ts';
import { Endurance } from './endurance.ts';
import { Talk } from './talk.ts';
import type { Target } from './target.ts';

/** Asks the server which methods of HELLO it offers here. @throws Nonconformity when it does not greet */
export async function offeredMethods(target: Target): Promise<readonly string[]> {
  const talk = new Talk(await target.dial(), new Endurance(target.patience));
  try {
    const greeting = parseGreeting(await talk.line('the greeting'));
    return greeting.ok ? greeting.value.auth : [];
  } finally {
    talk.cut();
  }
}

/** @param methods of HELLO that the greeting offers */
export function casesFor(target: Target, methods: readonly string[]): readonly Case[] {
  return [
    ...TEXT_CASES,
    // Before all others that are late: what comes behind failed HELLOs is slower by them.
    ...HELLO_CASES,
    ...sessionCases(target, methods),
    ...responderCases(target),
    ...initiatorCases(target),
    ...RECORD_CASES,
    ...FRAME_CASES,
    ...ANNOUNCEMENT_CASES,
    ...RULE_CASES,
    ...WIRE_CASES,
    ...(target.control === undefined ? [] : INSIDE_CASES),
  ];
}
