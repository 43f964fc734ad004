import { Command, Option, type ParseOptionsResult } from 'commander';
import type { RunOptions } from '../run/claim.js';
import { runUnderLock } from '../run/run-under-lock.js';
import { durationForm } from '../terminal/duration.js';
import { placeOptions, toMilliseconds, toWhole } from './options.js';

const help = `
lockutils acquires the lock before COMMAND starts and holds it until COMMAND ends. COMMAND has the terminal and the
streams of lockutils, receives the signals that lockutils receives, and inherits no descriptor of the lock. If the last
holder died without releasing the lock, OSLO_PREVIOUS_OWNER_DIED=1 is in COMMAND's environment: its work may be half done.

Node does not keep ignoring the signals that nohup ignores, so write nohup before COMMAND, and setsid before lockutils if
the wait must outlive its terminal too.

If lockutils itself is killed with SIGKILL, the system frees the lock at once. --if-killed decides what happens to COMMAND
then: "kill" ends it too (its own children go on); "hold" keeps the lock held until COMMAND and every process that
inherits from it have ended, as flock(1) does (kernel driver only); "leave" lets it go on without the lock. The default
is kill if setpriv of util-linux is installed, otherwise leave.

With --lease, lockutils holds a lease between machines instead, with NAME as its name. It renews the lease while COMMAND
runs. If the lease is lost, COMMAND and its descendants receive SIGTERM, and SIGKILL after a fifteenth of --ttl, before
another process can hold it. OSLO_FENCING_TOKEN in the environment grows with every grant: check it where you write. If
lockutils is killed, the lease ends after --ttl. etcd needs the package @oslo-concurrency/lockutils-etcd; user and
certificates come from ETCDCTL_USER, ETCDCTL_PASSWORD, ETCDCTL_CACERT, ETCDCTL_CERT and ETCDCTL_KEY. Postgres needs
@oslo-concurrency/lockutils-postgres; the password comes from PGPASSWORD. Redis needs @oslo-concurrency/lockutils-redis; the
password comes from REDISCLI_AUTH, and a failover of Redis can let two run.

With --once-per, COMMAND runs at most once for NAME and the tick, a text such as the hour of a schedule, of all processes that
name it. While another one runs it, lockutils waits; if it has been run, lockutils reports which process ran it and how that
ended, and exits with 0. A COMMAND that fails has run. If the process died in the middle, --after-crash skip (the default)
counts that run, and again runs COMMAND once more. A tick is remembered for --keep, a week by default.

Exit status:
  that of COMMAND, or 128+n if signal n ended it
  1        the lock was not free, or not in time (--conflict-exit-code changes this)
  64       wrong usage
  71       the lock path, the server or the system failed; COMMAND was not run
  75       the lease was lost while COMMAND ran
  126,127  COMMAND cannot be executed, or was not found

Examples:
  lockutils run backup -- /usr/local/bin/backup.sh --full
  lockutils run deploy --timeout 5m --label "deploy $USER" -- make deploy
  lockutils run nightly --no-wait -E 0 -- ./nightly.sh      # skip it if it already runs
  lockutils run gpu --permits 4 -- python3 train.py         # at most four at a time
  lockutils run report --lease etcd://10.0.0.1:2379,10.0.0.2:2379/jobs -- ./report.sh
  lockutils run nightly --once-per "$(date +%F)" --lease etcd://10.0.0.1:2379 -- ./nightly.sh
  lockutils run cache --shared -- ./read-cache && lockutils run cache -- ./rebuild-cache`;

/**
 * Assigns the options before COMMAND to lockutils, and everything after COMMAND's first word to COMMAND, with or
 * without a `--` between. Commander has two modes for this, and neither works here: one would take `make -n` for an
 * option of lockutils, the other would allow no options after NAME.
 */
export class RunCommand extends Command {
  override parseOptions(args: string[]): ParseOptionsResult {
    const { operands, unknown } = super.parseOptions(args);
    const [name, ...rest] = operands;
    const optionsEnded = args.at(-operands.length - 1) === '--';
    if (name === undefined || unknown.length > 0 || optionsEnded) return { operands, unknown };
    const command = super.parseOptions(rest);
    return { operands: [name, ...command.operands], unknown: command.unknown };
  }
}

/** The command `lockutils run`. `exit` receives its status. */
export function runCommand(exit: (status: number) => void): Command {
  const command = new RunCommand('run')
    .passThroughOptions()
    .summary('run a command while holding a lock')
    .description('Runs COMMAND while holding the lock NAME, waiting for the lock first.')
    .usage('[options] NAME -- COMMAND [ARGUMENT...]')
    .argument('<name>', 'the lock; the same name is the same lock for lock() and for oslo.concurrency')
    .argument('<command...>', 'the command and its arguments; -- may precede it')
    .addOption(new Option('-w, --timeout <time>', `give up after this: ${durationForm}`).argParser(toMilliseconds))
    .option('-n, --no-wait', 'give up at once if the lock is not free')
    .option('-s, --shared', 'share the lock with other shared holders')
    .option('--fair', 'grant in exact order of arrival among all processes')
    .addOption(
      new Option('--permits <n>', 'admit up to n holders; all must give the same n').argParser(toWhole(1, 10_000)),
    )
    .option('--prefix <prefix>', 'prefix of the lock file, like lock_file_prefix of oslo.concurrency')
    .option('--label <text>', 'text about this holder that others see (default: the command and its script)')
    .addOption(
      new Option('-E, --conflict-exit-code <n>', 'exit status when the lock could not be acquired')
        .argParser(toWhole(0, 255))
        .default(1),
    )
    .addOption(
      new Option('--if-killed <action>', 'what happens to COMMAND if lockutils is killed; see below').choices([
        'kill',
        'hold',
        'leave',
      ]),
    )
    .option(
      '--lease <url>',
      'hold a lease instead: etcd://host:port[,host:port...][/prefix], etcds://, postgres://user@host/db, redis://host, file:///dir',
    )
    .addOption(
      new Option('--ttl <time>', 'how long the lease lasts without renewal')
        .argParser(toMilliseconds)
        .default(15_000, '15s'),
    )
    .option('--once-per <tick>', 'run COMMAND only if no process has run it for this tick; see below')
    .addOption(
      new Option('--after-crash <action>', 'with --once-per: what a run without an end means').choices([
        'skip',
        'again',
      ]),
    )
    .addOption(new Option('--keep <time>', 'with --once-per: how long a tick is remembered').argParser(toMilliseconds))
    .option('-q, --quiet', 'print nothing while waiting');
  for (const option of placeOptions()) command.addOption(option);
  return command.addHelpText('after', help).action(async (name: string, words: string[], options: RunOptions) => {
    exit(await runUnderLock(name, words, options));
  });
}
