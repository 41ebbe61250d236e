/** The dialogue of `--step`: keys at a terminal, lines in a pipe. */
import { createInterface, emitKeypressEvents } from 'node:readline';
import type { CommandIo } from '../cli/command-io.ts';
import type { LogVerdict, MergedSteps } from './merged-steps.ts';
import { StepCursor, stepView } from './stepper.ts';

const KEYS = 'n next · p previous · a next of this actor · g first · G last · NUMBER that record · q end';

type Outcome = { readonly text: string; readonly over?: boolean };

/** Shows steps until it is told to end. @returns how the replay ended, where the end was seen */
export async function stepThrough(
  begin: () => MergedSteps,
  around: CommandIo,
): Promise<readonly LogVerdict[] | undefined> {
  const cursor = new StepCursor(begin);
  const show = ({ text }: Outcome) => void around.out(text);
  show(move(cursor, 'n'));
  const { stdin } = process;
  const commands = stdin.isTTY ? keys() : createInterface({ input: stdin });
  if (stdin.isTTY) around.err(`${KEYS}\n`);
  for await (const command of commands) {
    const outcome = move(cursor, command.trim());
    show(outcome);
    if (outcome.over) break;
  }
  return cursor.verdicts;
}

/** What a command shows. Total: any text at all is taken. */
export function move(cursor: StepCursor, command: string): Outcome {
  const { index } = cursor;
  if (command === 'q') return { text: '', over: true };
  if (command === 'a') return moveOn(cursor);
  if (/^\d+$/.test(command)) return goToRecord(cursor, Number(command));
  const target = { n: index + 1, '': index + 1, p: index - 1, g: 0, G: Number.MAX_SAFE_INTEGER }[command];
  if (target === undefined) return { text: `${KEYS}\n` };
  if (target < 0) return { text: '(this is the first)\n' };
  if (!cursor.goTo(target)) return { text: 'There is nothing to show.\n' };
  if (cursor.index === index && command !== 'G') return { text: '(this is the last)\n' };
  return view(cursor);
}

function moveOn(cursor: StepCursor): Outcome {
  const actor = cursor.current?.record.actor;
  return cursor.find(({ record }) => record.actor === actor)
    ? view(cursor)
    : { text: `(nothing more of ${actor})\n` };
}

function goToRecord(cursor: StepCursor, seq: number): Outcome {
  const { index } = cursor;
  cursor.goTo(0);
  if (cursor.current?.record.seq === seq) return view(cursor);
  if (cursor.find(({ record }) => record.seq === seq)) return view(cursor);
  cursor.goTo(index);
  return { text: `(there is no record ${seq} among these)\n` };
}

function view(cursor: StepCursor): Outcome {
  return { text: `\n${stepView(cursor.current!)}` };
}

/** Keys as commands, until q, ^C or ^D. Digits are gathered until Enter. */
async function* keys(): AsyncGenerator<string> {
  const { stdin } = process;
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  const pressed: string[] = [];
  let wake: () => void = () => {};
  const listen = (text: string | undefined, key: { name?: string; ctrl?: boolean; shift?: boolean }) => {
    pressed.push(keyCommand(text, key));
    wake();
  };
  stdin.on('keypress', listen);
  let digits = '';
  try {
    for (;;) {
      const command = pressed.shift();
      if (command === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if (/^\d$/.test(command)) {
        digits += command;
      } else {
        yield command === 'n' && digits !== '' ? digits : command;
        digits = '';
      }
    }
  } finally {
    stdin.off('keypress', listen);
    stdin.setRawMode(false);
    stdin.pause();
  }
}

const NAMED: Readonly<Record<string, string>> = {
  right: 'n',
  down: 'n',
  space: 'n',
  return: 'n',
  enter: 'n',
  left: 'p',
  up: 'p',
  backspace: 'p',
  home: 'g',
  end: 'G',
  escape: 'q',
};

function keyCommand(
  text: string | undefined,
  { name = '', ctrl = false }: { name?: string; ctrl?: boolean },
): string {
  if (ctrl && (name === 'c' || name === 'd')) return 'q';
  return NAMED[name] ?? text ?? '';
}
