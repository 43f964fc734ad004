import { Command, CommanderError } from 'commander';
import { cleanCommand } from './commands/clean.js';
import { leadCommand } from './commands/lead.js';
import { lsCommand } from './commands/ls.js';
import { runCommand } from './commands/run.js';
import { exitStatus } from './exit-status.js';
import { ignoreClosedOutput, packageVersion } from './terminal/output.js';

const help = `
Examples:
  lockutils run backup --lock-path /var/lock/mine -- ./backup.sh
  lockutils ls
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
  for (const command of [runCommand(exit), leadCommand(exit), lsCommand(exit), cleanCommand(exit)])
    program.addCommand(command);
  for (const command of [program, ...program.commands]) command.exitOverride().showHelpAfterError('(see --help)');
  ignoreClosedOutput();
  try {
    if (args.length === 0) {
      program.outputHelp({ error: true });
      return exitStatus.usage;
    }
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : exitStatus.usage;
  }
}
