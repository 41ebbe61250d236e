/** What of the model cannot be reached: by nobody, or not from outside. */
import type { Target } from './target.ts';

type Rule = readonly [RegExp, string];

/** Whatever one does. */
const NOWHERE: readonly Rule[] = [
  [
    /^session\.handling\.(lost\[1\]|end)/,
    'while a request is under way the connection is not read; its end is noticed behind the answer',
  ],
  [/^initiator\.unauthenticated\.dial-failed\[0\]$/, '410 ends a Handler only where it answers BEGIN'],
  [
    /^initiator\.authenticated\.dial-failed/,
    'BEGIN goes out at once, so that what fails does so in handling',
  ],
  [/^(initiator\.unauthenticated|responder\.handling)\.timer\[0\]$/, 'ten minutes for a device to come back'],
  [
    /^responder\.handling\.(device-(open|failed)\[[01]\]|(begin|abandoned)\[0\])$/,
    'the machine is not told whether a device that went is there again',
  ],
  [/^initiator\.unauthenticated\.device-away$/, 'a device that goes just when the server ends'],
  [/\.(device|far)-mtu/, 'an MTU that changes is not of the model'],
  [/^responder\.binary\.bye\[3\]$/, 'BYE is a record itself: one was heard'],
];

const OWN_LIFE = 'the server would have to end or to start again';
const DEVICE = 'its device would have to fail or to vanish';
const LONG = 'it takes longer than the suite may';
const HOLDING = 'the server would have to stop in the middle of its work';

/** Only in a server whose life, clock, devices and log are ours. */
const NOT_FROM_OUTSIDE: readonly Rule[] = [
  [/\.(shutdown|restart)/, OWN_LIFE],
  [/\.device-(failed|gone|away|back)/, DEVICE],
  [/^session\..*\.timer/, LONG],
  [/^initiator\.authenticated\.timer/, HOLDING],
  [/^initiator\.unauthenticated\.timer\[[12]\]$/, LONG],
  [/^initiator\.(authenticated|handling)\.timer\[[01]\]$/, LONG],
  [/^initiator\.binary\.timer/, LONG],
  [/^initiator\.unauthenticated\.timer\[4\]$/, DEVICE],
  [/^initiator\.handling\.begin-taken\[0\]$/, 'how a device takes another MTU is the server’s own affair'],
  [/^responder\.handling\.timer/, LONG],
  [/^responder\.(handling|binary)\.abandoned/, HOLDING],
  [/^responder\.handling\.begin\[1\]$/, HOLDING],
  [/^session\.unauthenticated\.evicted$/, 'sessions would have to come from many addresses'],
  [/^session\.unauthenticated\.rejected\[1\]$/, LONG],
  [/^session\.handling\.lost\[0\]$/, HOLDING],
  [/^(forbidden)$/, 'it takes a policy'],
  [/^(internal)$/, 'nothing of the protocol asks for it'],
  [/^(log-unavailable)$/, 'it takes a full disk'],
  [/^(timeout|remote-timeout)$/, LONG],
  [/^(too-many-handlers|too-many-attempts)$/, 'it takes more than the suite may ask of a server'],
];

/** Why an item of the coverage cannot be reached on this server; undefined where it can. */
export function beyond(target: Target): (item: string) => string | undefined {
  const rules = [...NOWHERE, ...(target.control === undefined ? NOT_FROM_OUTSIDE : [])];
  return (item) => rules.find(([pattern]) => pattern.test(item))?.[1] ?? byScheme(target, item);
}

function byScheme({ scheme, login, control }: Target, item: string): string | undefined {
  if (item === 'tls-required' && scheme !== 'tcp') return 'every method is good on this listener, or on none';
  if (scheme !== 'tcp' && /^(session\.handling\.lost|responder\.(handling|binary)\.abandoned)/.test(item)) {
    return 'it takes a connection that can be reset';
  }
  if (login.method === 'password') return undefined;
  if (/^session\.unauthenticated\.(rejected|timer\[0\])/.test(item))
    return `${login.method} is never refused`;
  if (item === 'too-many-attempts') return `${login.method} is checked at once`;
  return control === undefined && item === 'authentication-failed' ? 'it takes a password' : undefined;
}
