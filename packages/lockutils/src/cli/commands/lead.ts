import { Option } from 'commander';
import type { RunOptions } from '../run/claim.js';
import { runWhileLeading } from '../run/run-under-lock.js';
import { placeOptions, toMilliseconds } from './options.js';
import { RunCommand } from './run.js';

const help = `
Start the same command on every machine, or several times on one: one of them leads and runs COMMAND, the others wait. When
COMMAND ends, lockutils resigns, another candidate leads at once, and lockutils exits with the status of COMMAND: let your
service manager start it again.

Without --lease the processes of this machine elect their leader by the lock NAME. With --lease, all machines do. If the
lease is lost, COMMAND and its descendants receive SIGTERM, and SIGKILL after a fifteenth of --ttl, before another process
can lead; then lockutils campaigns again. OSLO_FENCING_TOKEN in the environment grows with every term.

Exit status:
  that of COMMAND, or 128+n if signal n ended it
  64       wrong usage
  71       the lock path, the server or the system failed; COMMAND was not run
  126,127  COMMAND cannot be executed, or was not found

Examples:
  lockutils lead scheduler --lease etcd://10.0.0.1:2379,10.0.0.2:2379/jobs -- node scheduler.js
  lockutils lead watcher --lock-path /var/lock/mine -- ./watch.sh`;

/** The command `lockutils lead`. `exit` receives its status. */
export function leadCommand(exit: (status: number) => void): RunCommand {
  const command = new RunCommand('lead');
  command
    .passThroughOptions()
    .summary('run a command on the candidate that leads')
    .description('Runs COMMAND while this process leads NAME, waiting until it does.')
    .usage('[options] NAME -- COMMAND [ARGUMENT...]')
    .argument('<name>', 'what is led; candidates of the same name elect one leader')
    .argument('<command...>', 'the command and its arguments; -- may precede it')
    .option('--label <text>', 'text about this candidate that others see (default: the command and its script)')
    .addOption(
      new Option('--if-killed <action>', 'what happens to COMMAND if lockutils is killed; see "run --help"').choices([
        'kill',
        'leave',
      ]),
    )
    .option(
      '--lease <url>',
      'lead by a lease: etcd://host:port[,host:port...][/prefix], etcds://, postgres://user@host/db, redis://host, file:///dir',
    )
    .addOption(
      new Option('--ttl <time>', 'how long the lease lasts without renewal')
        .argParser(toMilliseconds)
        .default(15_000, '15s'),
    )
    .option('-q, --quiet', 'print nothing while waiting');
  for (const option of placeOptions()) command.addOption(option);
  return command
    .addHelpText('after', help)
    .action(async (name: string, words: string[], options: Omit<RunOptions, 'wait' | 'conflictExitCode'>) => {
      exit(await runWhileLeading(name, words, { ...options, wait: true, conflictExitCode: 1 }));
    });
}
