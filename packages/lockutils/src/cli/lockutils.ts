import { Command, CommanderError } from 'commander';
import { cleanCommand } from './commands/clean.js';
import { answerCompletion, completionCommand } from './commands/completion.js';
import { historyCommand } from './commands/history.js';
import { leadCommand } from './commands/lead.js';
import { lsCommand } from './commands/ls.js';
import { runCommand } from './commands/run.js';
import { completeWord } from './completion/scripts.js';
import { exitStatus } from './exit-status.js';
import { ignoreClosedOutput, packageVersion } from './terminal/output.js';

const help = `
Examples:
  lockutils run backup --lock-path /var/lock/mine -- ./backup.sh
  lockutils ls --watch
  lockutils history backup --for 1m
  lockutils clean --older-than 7d --dry-run

See "lockutils COMMAND --help" for details.`;

/** The program `lockutils`: runs the command that the arguments name, and resolves to its exit status. */
export async function lockutils(args: readonly string[]): Promise<number> {
  let status = 0;
  const exit = (value: number): void => {
    status = value;
  };
  const program = new Command('lockutils')
    .description('Named locks between processes, shared with @oslo-concurrency/lockutils and oslo.concurrency.')
    .version(packageVersion(), '-V, --version')
    .addHelpText('after', help)
    .helpCommand('help [command]', 'show the help of a command')
    .enablePositionalOptions();
  for (const commandOf of [runCommand, leadCommand, lsCommand, historyCommand, cleanCommand, completionCommand])
    program.addCommand(commandOf(exit));
  for (const command of [program, ...program.commands]) command.exitOverride().showHelpAfterError('(see --help)');
  ignoreClosedOutput();
  try {
    if (args.length === 0) {
      program.outputHelp({ error: true });
      return exitStatus.usage;
    }
    if (args[0] === completeWord) return await answerCompletion(program, args.slice(1));
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : exitStatus.usage;
  }
}
