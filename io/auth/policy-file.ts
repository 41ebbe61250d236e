/**
 * The policy file: what each identity may do. JSON; every field and its patterns are explained in
 * `docs/examples/policy.json` and SECURITY.md. Names and numbers are checked here, patterns where they are compiled.
 */
import * as v from 'valibot';
import { describeIssue, objectOf, readJsonFile } from './json-file.ts';

const Texts = v.exactOptional(v.array(v.string('must be a text'), 'must be a list'));
const Most = v.exactOptional(
  v.pipe(
    v.number('must be a number'),
    v.safeInteger('must be a whole number'),
    v.minValue(1, 'must be 1 or more'),
  ),
);

const Rule = v.strictObject({
  name: v.string('must be a text'),
  identities: v.pipe(
    v.array(v.string('must be a text'), 'must be a list'),
    v.minLength(1, 'must name an identity, or *'),
  ),
  commands: Texts,
  devices: Texts,
  'remote-devices': Texts,
  roles: Texts,
  macs: Texts,
  remotes: Texts,
  handlers: v.exactOptional(v.picklist(['own', 'all'], 'must be "own" or "all"')),
  'most-handlers': Most,
  'most-rate': Most,
  'most-bcast-rate': Most,
  l2cp: v.exactOptional(v.boolean('must be true or false')),
  /** For people. */
  about: v.exactOptional(v.string('must be a text')),
});

const File = v.strictObject({
  about: v.exactOptional(v.string('must be a text')),
  rules: v.array(objectOf(Rule), 'must be a list'),
});

/** As the file says it, its names in the form of the program. */
export interface PolicyFile {
  readonly rules: readonly ReturnType<typeof toRule>[];
}

/** @throws Error with the place in the file, e.g. `policy.json, rules[1].macs: must be a list` */
export function loadPolicyFile(file: string): PolicyFile {
  const checked = v.safeParse(objectOf(File), readJsonFile(file, 'the policy file'));
  if (!checked.success)
    throw new Error(`${file}, ${describeIssue(checked.issues[0], { names: Object.keys(Rule.entries) })}`);
  return { rules: checked.output.rules.map(toRule) };
}

function toRule({
  about: _,
  'remote-devices': remoteDevices,
  'most-handlers': mostHandlers,
  'most-rate': mostRate,
  'most-bcast-rate': mostBcastRate,
  ...rule
}: v.InferOutput<typeof Rule>) {
  return {
    ...rule,
    ...(remoteDevices === undefined ? {} : { remoteDevices }),
    ...(mostHandlers === undefined ? {} : { mostHandlers }),
    ...(mostRate === undefined ? {} : { mostRate }),
    ...(mostBcastRate === undefined ? {} : { mostBcastRate }),
  };
}
