import { Argument, Command } from 'commander';
import { type Candidates, candidates } from '../completion/candidates.js';
import { completionScripts, shells } from '../completion/scripts.js';
import { statusOfFailure } from '../exit-status.js';
import { print } from '../terminal/output.js';

const help = `
Completes commands, options, names of locks, and the command that "run" runs. "lockutils" must be in PATH: where it is in
node_modules/.bin only, add that.

Install it for new shells:
  bash  lockutils completion bash > ~/.local/share/bash-completion/completions/lockutils
  zsh   lockutils completion zsh > "\${fpath[1]}/_lockutils"
  fish  lockutils completion fish > ~/.config/fish/completions/lockutils.fish

Try it in this bash: source <(lockutils completion bash)`;

/** The command `lockutils completion`. */
export function completionCommand(exit: (status: number) => void): Command {
  return new Command('completion')
    .summary('print the completion script of a shell')
    .description('Prints the script with which a shell completes the words of lockutils.')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText('after', help)
    .action(async (shell: (typeof shells)[number]) => {
      try {
        await print(completionScripts[shell]);
        exit(0);
      } catch (error) {
        exit(statusOfFailure(error));
      }
    });
}

/** Answers a completion script, in the form that the scripts read. */
export async function answerCompletion(program: Command, words: readonly string[]): Promise<number> {
  await print(textOf(await candidates(program, words)));
  return 0;
}

function textOf(found: Candidates): string {
  if (found.kind === 'command') return `command ${found.from}\n`;
  if (found.kind !== 'words') return `${found.kind}\n`;
  const lines = found.words.map(([word, meaning]) => `${word}\t${meaning.replace(/\s+/g, ' ')}`);
  return `${['words', ...lines].join('\n')}\n`;
}
