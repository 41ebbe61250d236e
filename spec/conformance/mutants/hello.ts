/** Servers that are wrong about who somebody is. */
import type { HandlerRegistry } from '../../../actors/handler/handlers.ts';
import type { Begin } from '../../../machines/protocol/types.ts';
import type { Fault } from '../in-process.ts';
import { type Mangler, mangled } from './mangle.ts';
import { insideMutant, type Mutant, mutant } from './text.ts';

/** BEGIN is judged as if another identity had said it. */
const judgedAs = (whose: (handlers: HandlerRegistry, begin: Begin) => string | undefined): Fault => ({
  server({ handlers }) {
    const right = handlers.refuseBegin.bind(handlers);
    handlers.refuseBegin = (begin, identity, address) =>
      right(begin, whose(handlers, begin) ?? identity, address);
  },
});

const plaintext: Fault = {
  parts: ({ configuration }) => ({ configuration: { ...configuration, allowPlaintext: true } }),
};

/** Answers that it does not expect are no answers of VNET/1. */
const knows = (word: string): Mangler => ({
  in: (chunk, { dialled, binary }) =>
    dialled && !binary && chunk.includes(` ${word}=`) ? Buffer.from('220 mail.example ESMTP\n') : undefined,
});

export const HELLO_MUTANTS: readonly Mutant[] = [
  mutant(
    'lets another identity take a Handler over',
    'hello/other',
    judgedAs((handlers, { handler }) => handlers.responder(handler)?.context.identity),
  ),
  mutant(
    'lets another identity take a Handler over that waits',
    'hello/other-waiting',
    judgedAs((handlers, { handler }) => {
      const standing = handlers.responder(handler);
      return standing?.state === 'handling' ? standing.context.identity : undefined;
    }),
  ),
  mutant(
    'a Handler that waits gives way to whoever comes',
    'hello/other-yields',
    judgedAs(
      (handlers, { macs }) =>
        handlers.all().find(({ context }) => context.macs.join() === macs.join())?.context.identity,
    ),
  ),
  mutant('says HELLO as default always', 'hello/auth', {
    line: (line, { dialled }) =>
      dialled ? [line.replace('HELLO password ann ', 'HELLO password ')] : undefined,
  }),
  ...['flavour', 'colour', 'weight'].map((word) =>
    mutant(`does not pass over what it does not know: ${word}`, 'hello/unknown', knows(word)),
  ),
  insideMutant('takes a password on plain tcp:// from anywhere', 'hello/plaintext', plaintext),
  insideMutant('sends a password on plain tcp:// to anywhere', 'hello/plaintext-sent', plaintext),
  mutant('ten failed HELLOs make a right one slow', 'hello/failures', slowBehindFailures()),
  mutant('refuses a right HELLO behind failed ones', 'hello/failures', mangled(refusesBehindFailures())),
];

/** Milliseconds: more than failures may cost. */
const SLOW = 1_200;

function slowBehindFailures(): Mangler {
  let failures = 0;
  return {
    line(line) {
      if (line.startsWith('ERR 403 authentication-failed')) failures++;
      return undefined;
    },
    in(chunk, side) {
      if (failures < 10 || side.binary || !chunk.toString('latin1').startsWith('HELLO')) return undefined;
      setTimeout(() => side.inject(chunk), SLOW);
      return chunk.subarray(0, 0);
    },
  };
}

function refusesBehindFailures(): Mangler {
  let failures = 0;
  return {
    line(line) {
      if (line.startsWith('ERR 403 authentication-failed')) failures++;
      const right = line.startsWith('OK session=') && failures >= 10;
      return right ? ['ERR 429 too-many-attempts too many'] : undefined;
    },
  };
}
