import { Command, Option } from 'commander';
import { cleanLocks } from '../../cleanup/clean-locks.js';
import type { CleanLocksResult } from '../../drivers/care.js';
import { exitStatus } from '../exit-status.js';
import { complain, statusOfFailure } from '../failure.js';
import { printable } from '../terminal/describe-holder.js';
import { durationForm } from '../terminal/duration.js';
import { print } from '../terminal/output.js';
import { loadConfigOf, type PlaceOptions, placeOptions, toMilliseconds } from './options.js';

interface CleanOptions extends PlaceOptions {
  readonly olderThan?: number;
  readonly abandoned?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const help = `
Safe while others lock: a lock is removed only by whoever holds it, and who waited for the removed file starts over. It
waits for nobody; what is held or waited for stays. Only Python's oslo.concurrency does not start over, so where it takes
part use --older-than with a time in which no service was restarted or waits, or clean while they are stopped.

Left alone: links, folders, files that hold anything but our record, empty files whose name starts with a dot or that
lie where this library never locked, and locks whose last holder died holding them, as the next one is to be told;
--abandoned removes these too.

Where the lockfile driver is used, which leaves no lock files, it removes what dead holders and waiters of this machine left.

Exit status: 0, or 1 when something could not be removed, 64 for wrong usage, 71 when the lock path failed.

Examples:
  lockutils clean --lock-path /var/lock/nova --older-than 7d --dry-run
  lockutils clean --older-than 7d`;

/** The command `lockutils clean`. */
export function cleanCommand(exit: (status: number) => void): Command {
  const command = new Command('clean')
    .summary('remove the files of locks nobody uses')
    .description('Removes the files of locks that nobody holds or waits for.')
    .addOption(
      new Option('--older-than <time>', `only locks not taken for so long: ${durationForm}`).argParser(toMilliseconds),
    )
    .option('--abandoned', 'also those whose last holder died holding them')
    .option('--dry-run', 'remove nothing, and say what would be')
    .option('--json', 'print an object with removed and kept');
  for (const option of placeOptions()) command.addOption(option);
  return command.addHelpText('after', help).action(async (options: CleanOptions) => {
    try {
      loadConfigOf(options);
      const result = await cleanLocks({
        ...(options.lockPath === undefined ? {} : { lockPath: options.lockPath }),
        olderThan: options.olderThan ?? 0,
        abandoned: options.abandoned === true,
        dryRun: options.dryRun === true,
      });
      exit(await report(result, options));
    } catch (error) {
      exit(statusOfFailure(error));
    }
  });
}

async function report(result: CleanLocksResult, options: CleanOptions): Promise<number> {
  const failed = result.kept.filter(({ reason }) => reason === 'failed');
  for (const { name, error } of failed) complain(`cannot remove ${name}: ${(error as Error).message}`);
  await print(
    options.json === true
      ? `${JSON.stringify(result, withoutStack, 2)}\n`
      : formatClean(result, options.dryRun === true),
  );
  return failed.length === 0 ? 0 : exitStatus.conflict;
}

/** What was done, for people: a line for each removed lock and for each file that is not one of ours, and a sum. */
export function formatClean({ removed, kept }: CleanLocksResult, dryRun: boolean): string {
  const verb = dryRun ? 'would remove' : 'removed';
  const counts = new Map<string, number>();
  for (const { reason } of kept) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const why = [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ');
  const lines = [
    ...removed.map((name) => `${verb} ${name}`),
    ...kept
      .filter(({ reason }) => reason === 'foreign')
      .map(({ name }) => `left alone ${name}: not a lock file of ours`),
    `${verb} ${removed.length}, kept ${kept.length}${why === '' ? '' : ` (${why})`}`,
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function withoutStack(_key: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}
