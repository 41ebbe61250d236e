/** Everything that is fuzzed. */
import type { FuzzTarget } from './target.ts';
import { authorized, configuration, passwords, peers, policy, secretStore } from './targets/files.ts';
import { frames } from './targets/frames.ts';
import { lines } from './targets/lines.ts';
import { logFiles, logFold } from './targets/log.ts';
import { records } from './targets/records.ts';

export const TARGETS: readonly FuzzTarget[] = [
  lines,
  records,
  frames,
  logFold,
  logFiles,
  passwords,
  authorized,
  peers,
  policy,
  configuration,
  secretStore,
];
