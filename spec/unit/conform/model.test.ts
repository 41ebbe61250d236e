/** The generator of cases: from machines to cases, always the same, and nothing left out. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WIRE_TRANSITIONS } from '../../../tools/vnet/conform/cases/wires.ts';
import {
  begin,
  edgesOf,
  type Labelled,
  type Model,
  step,
  transitionsOf,
} from '../../../tools/vnet/conform/model/graph.ts';
import { initiatorModel } from '../../../tools/vnet/conform/model/initiator.ts';
import { responderModel } from '../../../tools/vnet/conform/model/responder.ts';
import { sessionModel } from '../../../tools/vnet/conform/model/session.ts';
import { casesFor } from '../../../tools/vnet/conform/suite.ts';
import type { Target } from '../../../tools/vnet/conform/target.ts';
import { beyond } from '../../../tools/vnet/conform/unreachable.ts';

const outside = {
  url: 'tcp://127.0.0.1:1',
  scheme: 'tcp',
  login: { method: 'password', identity: 'default', secret: 'x' },
  device: 'tap:vnconf0',
  patience: 1,
} as unknown as Target;
const inside = { ...outside, control: {} } as unknown as Target;

/** Goes every way of a model, without any server. @returns the transitions taken */
function taken<C, E extends Labelled>(model: Model<C, E>): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { way, event } of edgesOf(model)) {
    let view = begin<C>(model.machine, model.input).view;
    for (const each of [...way, event]) {
      const { key, to } = step<C, E>(model.machine, view, each);
      if (key !== undefined) keys.add(key);
      view = to;
    }
  }
  return keys;
}

const test = suite('conformance: models');

for (const target of [outside, inside]) {
  const where = target === inside ? 'in this process' : 'from outside';
  test(`the cases of a server ${where} take every transition that is not out of reach`, () => {
    const why = beyond(target);
    const missed: string[] = [];
    const driven = new Set<string>(WIRE_TRANSITIONS);
    const look = <C, E extends Labelled>(name: string, model: Model<C, E>) => {
      const keys = taken(model);
      for (const key of transitionsOf(model.machine)) {
        const item = `${name}.${key}`;
        if (!keys.has(key) && !driven.has(item) && why(item) === undefined) missed.push(item);
      }
    };
    look('session', sessionModel(target, ['password']));
    look('initiator', initiatorModel(target));
    look('responder', responderModel(target));
    assert.equal(missed, []);
  });
}

test('the same cases each time', () => {
  const ids = () => casesFor(outside, ['password']).map(({ id }) => id);
  assert.equal(ids(), ids());
  assert.ok(ids().length > 400, String(ids().length));
});

test('each command is tried in each state that can be asked', () => {
  const at = new Map<string, Set<string>>();
  for (const edge of edgesOf(sessionModel(outside, ['password']))) {
    const verbs = at.get(edge.at) ?? new Set<string>();
    verbs.add(edge.event.type);
    at.set(edge.at, verbs);
  }
  const verbs = 'HELLO DONE DEVICES? HANDLERS? HANDLE BEGIN CLOSE STATS? STATUS? WATCH HELP? bad-line'.split(
    ' ',
  );
  for (const state of [
    'unauthenticated',
    'unauthenticated after 2 failed',
    'authenticated',
    'authenticated watching',
  ]) {
    assert.equal(
      verbs.filter((verb) => !at.get(state)?.has(verb)),
      [],
      state,
    );
  }
});

test.run();
