/** Goes through the life of a machine and looks at which fields of its context each event changes. */
import * as assert from 'uvu/assert';
import type { Definition, Snapshot } from '../../../machines/log/registry.ts';
import type { AnyEvent } from './drive.ts';

type Context = Readonly<Record<string, unknown>>;

/** The fields that are not what they were, as `field=value` in the order of the context. */
function changed(before: Snapshot, after: Snapshot): string {
  const old = before.context as Context;
  const text = (value: unknown) => JSON.stringify(value).replaceAll('"', '');
  return Object.entries(after.context as Context)
    .filter(([field, value]) => text(value) !== text(old[field]))
    .map(([field, value]) => `${field}=${text(value)}`)
    .join(' ');
}

/** Goes through these events, each with the changes that it is to make. */
export function walk(
  definition: Definition,
  input: unknown,
  way: readonly (readonly [AnyEvent, string])[],
): void {
  let { snapshot } = definition.start(input);
  for (const [i, [event, wanted]] of way.entries()) {
    const next = definition.next(snapshot, event);
    assert.is(changed(snapshot, next), wanted, `event ${i + 1}, ${event.type}, in ${snapshot.value}`);
    snapshot = next;
  }
}

/** Of the Handler that the contexts' tests are about. */
export const ID = '0123456789abcdef';
export const ends = {
  localDevice: { kind: 'tap', ifname: 'vm0' },
  remoteDevice: { kind: 'interface', backend: 'any', ifname: 'lan0' },
  localConfig: { role: 'HOST', multicast: true },
  remoteConfig: { role: 'PROXY', multicast: true },
  macs: ['52:54:00:00:00:01'],
};
