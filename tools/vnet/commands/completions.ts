import { command } from '../cli/command.ts';
import { bashCompletions } from '../cli/completions/bash.ts';
import { fishCompletions } from '../cli/completions/fish.ts';
import type { Shell } from '../cli/completions/words.ts';
import { zshCompletions } from '../cli/completions/zsh.ts';
import type { Program } from '../cli/declaration.ts';
import { PROGRAM } from '../usage/program.ts';
import { COMPLETIONS } from '../usage/tools.ts';

const WRITERS: Readonly<Record<Shell, (program: Program) => string>> = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
};

/** `vnet completions SHELL`. */
export const completions = command(COMPLETIONS, async ({ positionals: [shell] }, around) => {
  around.out(WRITERS[shell as Shell](PROGRAM));
  return 0;
});
