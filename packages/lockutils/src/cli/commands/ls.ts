import { Command } from 'commander';
import { listLocks } from '../../cleanup/list-locks.js';
import { statusOfFailure } from '../exit-status.js';
import { formatLocks } from '../terminal/lock-table.js';
import { print } from '../terminal/output.js';
import { untilEnded } from '../watch/until-ended.js';
import { watchLocks } from '../watch/watch-locks.js';
import { loadConfigOf, type PlaceOptions, placeOptions } from './options.js';

interface LsOptions extends PlaceOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
}

const help = `
Reads the lock table of the kernel, or the folders of the lockfile driver. It tries no lock, so it disturbs no other process.
On Linux, the state is "unknown" if there is no such table. On macOS and Windows there is none, and each lock is tried for a
moment; waiters and readers are not known there. A free lock of the lockfile driver is listed only while a
process waits for it, or if its holder died. WAITERS counts the processes in the queue; Python's oslo.concurrency does not
queue, so it is not counted.

With --watch, a terminal shows a table that stays current, with the locks in use first. Elsewhere, each change is a line, with
--json a line of JSON: first the locks that are in use, then each lock whose state, holders or waiters change. Changes by this
library are noticed at once and changes by Python within half a second; of a lock that changes more than 50 times a second,
only some are printed. Ctrl-C ends it, with status 0.

Examples:
  lockutils ls --lock-path /var/lock/nova
  lockutils ls --watch
  lockutils ls --watch --json >> locks.jsonl
  lockutils ls --json | jq -r '.[] | select(.state == "held") | .holders[].pid'`;

/** The command `lockutils ls`. */
export function lsCommand(exit: (status: number) => void): Command {
  const command = new Command('ls')
    .summary('list the locks of a lock path and their holders')
    .description('Lists the locks of a lock path: the holders, for how long, and the number of waiters.')
    .option('--json', 'print an array of objects; with --watch, an object a line')
    .option('-w, --watch', 'go on until Ctrl-C: a live table on a terminal, elsewhere a line for each change');
  for (const option of placeOptions()) command.addOption(option);
  return command.addHelpText('after', help).action(async (options: LsOptions) => {
    try {
      loadConfigOf(options);
      const { lockPath, json = false } = options;
      if (options.watch === true) {
        exit(await untilEnded((signal) => watchLocks(lockPath, json, signal)));
        return;
      }
      const locks = await listLocks(lockPath === undefined ? {} : { lockPath });
      await print(json ? `${JSON.stringify(locks, null, 2)}\n` : formatLocks(locks));
      exit(0);
    } catch (error) {
      exit(statusOfFailure(error));
    }
  });
}
