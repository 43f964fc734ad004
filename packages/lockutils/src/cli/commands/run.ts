import { Command, Option, type ParseOptionsResult } from 'commander';
import type { RunOptions } from '../run/run-options.js';
import { runUnderLock } from '../run/run-under-lock.js';
import { durationForm } from '../terminal/duration.js';
import { placeOptions, toMilliseconds, toWhole } from './options.js';

const help = `
The lock is held from before COMMAND starts until it ends. COMMAND has the terminal and the streams of lockutils, gets
the signals that lockutils gets, and inherits no descriptor of the lock. OSLO_PREVIOUS_OWNER_DIED=1 is in its environment
when the last holder ended without releasing, so that what the lock protects may be half done.

Node takes again the signals that nohup told it to ignore, so write nohup before COMMAND, and setsid before lockutils if
the wait is to outlive its terminal too.

If lockutils itself is killed with SIGKILL, the system frees the lock at once, and --if-killed says what becomes of
COMMAND: "kill" ends it too (its own children go on), "hold" lets it, and whoever inherits from it, keep the lock until
they end, as flock(1) does (with the driver kernel only), "leave" lets it go on without. The default is kill where
setpriv of util-linux is there, else leave.

With --lease it is a lease between machines, and NAME is its name there. It is renewed while COMMAND runs; if it is lost
all the same, COMMAND and its descendants get SIGTERM, and SIGKILL after a fifteenth of --ttl, which is before anybody
else can hold it. OSLO_FENCING_TOKEN in the environment grows with every grant: have it checked where you write. When
lockutils is killed, others get in after --ttl. etcd needs the package @oslo-concurrency/lockutils-etcd; user and
certificates come from ETCDCTL_USER, ETCDCTL_PASSWORD, ETCDCTL_CACERT, ETCDCTL_CERT and ETCDCTL_KEY.

Exit status:
  that of COMMAND, or 128+n when signal n ended it
  1        the lock was not free, or not in time (another one by --conflict-exit-code)
  64       wrong usage
  71       the lock path, the server or the system failed; COMMAND was not run
  75       the lease was lost while COMMAND ran
  126,127  COMMAND cannot be executed, was not found

Examples:
  lockutils run backup -- /usr/local/bin/backup.sh --full
  lockutils run deploy --timeout 5m --label "deploy $USER" -- make deploy
  lockutils run nightly --no-wait -E 0 -- ./nightly.sh      # skip it when it runs already
  lockutils run gpu --permits 4 -- python3 train.py         # at most four at a time
  lockutils run report --lease etcd://10.0.0.1:2379,10.0.0.2:2379/jobs -- ./report.sh
  lockutils run cache --shared -- ./read-cache && lockutils run cache -- ./rebuild-cache`;

/**
 * Takes as its own the options before COMMAND, and as COMMAND's all that follows its first word, with or without a `--`
 * between. Of commander's own ways one would take `make -n` for an option of ours, the other would allow none after NAME.
 */
class RunCommand extends Command {
  override parseOptions(args: string[]): ParseOptionsResult {
    const { operands, unknown } = super.parseOptions(args);
    const [name, ...rest] = operands;
    const optionsEnded = args.at(-operands.length - 1) === '--';
    if (name === undefined || unknown.length > 0 || optionsEnded) return { operands, unknown };
    const command = super.parseOptions(rest);
    return { operands: [name, ...command.operands], unknown: command.unknown };
  }
}

/** The command `lockutils run`; `exit` is told its status. */
export function runCommand(exit: (status: number) => void): Command {
  const command = new RunCommand('run')
    .passThroughOptions()
    .summary('run a command while holding a lock')
    .description('Runs COMMAND while holding the lock NAME, waiting for the lock first.')
    .usage('[options] NAME -- COMMAND [ARGUMENT...]')
    .argument('<name>', 'the lock; the same name is the same lock for lock() and for oslo.concurrency')
    .argument('<command...>', 'what to run, and its arguments; -- may come before it')
    .addOption(new Option('-w, --timeout <time>', `give up after this: ${durationForm}`).argParser(toMilliseconds))
    .option('-n, --no-wait', 'give up at once when the lock is not free')
    .option('-s, --shared', 'share the lock with others that share it')
    .option('--fair', 'exact order of arrival among all processes')
    .addOption(
      new Option('--permits <n>', 'admit up to n holders; all must say the same n').argParser(toWhole(1, 10_000)),
    )
    .option('--prefix <prefix>', 'prefix of the lock file, as lock_file_prefix of oslo.concurrency')
    .option('--label <text>', 'what others read about this holder (default: the command and its script)')
    .addOption(
      new Option('-E, --conflict-exit-code <n>', 'exit status when the lock is not had')
        .argParser(toWhole(0, 255))
        .default(1),
    )
    .addOption(new Option('--if-killed <what>', 'see below').choices(['kill', 'hold', 'leave']))
    .option('--lease <url>', 'hold a lease instead: etcd://host:port[,host:port...][/prefix], etcds://, file:///dir')
    .addOption(
      new Option('--ttl <time>', 'how long the lease lasts without renewal')
        .argParser(toMilliseconds)
        .default(15_000, '15s'),
    )
    .option('-q, --quiet', 'say nothing while waiting');
  for (const option of placeOptions()) command.addOption(option);
  return command.addHelpText('after', help).action(async (name: string, words: string[], options: RunOptions) => {
    exit(await runUnderLock(name, words, options));
  });
}
