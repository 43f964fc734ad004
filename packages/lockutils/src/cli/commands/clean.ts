import { Command, Option } from 'commander';
import { cleanLocks } from '../../cleanup/clean-locks.js';
import type { CleanLocksResult } from '../../drivers/care.js';
import { printable } from '../../owner/holder.js';
import { exitStatus, statusOfFailure } from '../exit-status.js';
import { durationForm } from '../terminal/duration.js';
import { complain, print } from '../terminal/output.js';
import { loadConfigOf, type PlaceOptions, placeOptions, toMilliseconds } from './options.js';

interface CleanOptions extends PlaceOptions {
  readonly olderThan?: number;
  readonly abandoned?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const help = `
Safe while other processes lock: clean holds a lock while it removes its file, and a process that waited for the removed
file starts over. It never waits for a lock; locks that are held or waited for stay. Python's oslo.concurrency does not
start over: if it takes part, use --older-than with a time longer than any wait, or clean while its services are stopped.

Not removed: links, folders, files that this user may not read or that contain anything but our record, empty files whose
names start with a dot or that lie where this library never locked, and locks whose last holder died while holding them,
because the next holder must learn of that; --abandoned removes these too.

The lockfile driver leaves no lock files. There, clean removes the files that dead holders and waiters of this machine left.

Exit status: 0, or 1 if something could not be removed, 64 for wrong usage, 71 if the lock path failed.

Examples:
  lockutils clean --lock-path /var/lock/nova --older-than 7d --dry-run
  lockutils clean --older-than 7d`;

/** The command `lockutils clean`. */
export function cleanCommand(exit: (status: number) => void): Command {
  const command = new Command('clean')
    .summary('remove the files of unused locks')
    .description('Removes the files of locks without holders and waiters.')
    .addOption(
      new Option('--older-than <time>', `only locks not acquired for this long: ${durationForm}`).argParser(
        toMilliseconds,
      ),
    )
    .option('--abandoned', 'also locks whose last holder died while holding them')
    .option('--dry-run', 'remove nothing, and print what would be removed')
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

/** The result for people: one line for each removed lock, for each file that is not ours or unreadable, and a total. */
export function formatClean({ removed, kept }: CleanLocksResult, dryRun: boolean): string {
  const verb = dryRun ? 'would remove' : 'removed';
  const counts = new Map<string, number>();
  for (const { reason } of kept) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const why = [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ');
  const lines = [
    ...removed.map((name) => `${verb} ${name}`),
    ...kept
      .filter(({ reason }) => reason === 'foreign')
      .map(({ name }) => `left alone ${name}: not one of our lock files`),
    ...kept
      .filter(({ reason }) => reason === 'unreadable')
      .map(({ name, error }) => `left alone ${name}, which cannot be read: ${(error as Error).message}`),
    `${verb} ${removed.length}, kept ${kept.length}${why === '' ? '' : ` (${why})`}`,
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function withoutStack(_key: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}
