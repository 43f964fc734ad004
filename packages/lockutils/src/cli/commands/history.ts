import { writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { Argument, Command, Option } from 'commander';
import { directoryOf, driverOf, explainedAt, readLockPath } from '../../cleanup/lock-directory.js';
import type { LockStatus } from '../../drivers/lock-status.js';
import { careOf } from '../../drivers/select.js';
import { lockFileName } from '../../lock-path/lock-path.js';
import { statusOfFailure, UsageError } from '../exit-status.js';
import { durationForm, formatDuration } from '../terminal/duration.js';
import { complain, print } from '../terminal/output.js';
import { LockHistory } from '../watch/lock-history.js';
import { looks, type Pace } from '../watch/looks.js';
import { untilEnded } from '../watch/until-ended.js';
import { loadConfigOf, type PlaceOptions, placeOptions, toMilliseconds } from './options.js';

const formats = ['text', 'svg', 'html'] as const;
type Format = (typeof formats)[number];

interface HistoryOptions extends PlaceOptions {
  readonly for: number;
  readonly format?: Format;
  readonly output?: string;
  readonly prefix?: string;
}

// A look costs a part of a millisecond, more if the kernel's table must be searched for a process.
const pace: Pace = { atLeast: 10, atMost: 100 };

const help = `
Reads as "lockutils ls" does, and tries no lock. It looks whenever the files of the lock path change, at most 100 times a
second, and at least ten times: Python's oslo.concurrency changes no file. A hold that begins and ends between two looks is
not seen, so a lock that changes hands faster is drawn incompletely. A thin bar in the row "waiting" means that processes
wait, a cross that a holder died.

Ctrl-C ends it early, and draws what was seen until then.

Examples:
  lockutils history nightly
  lockutils history nightly --for 1m --output nightly.html`;

/** The command `lockutils history`. */
export function historyCommand(exit: (status: number) => void): Command {
  const command = new Command('history')
    .summary('draw the holders of a lock over time')
    .description('Watches the lock NAME for a while, and draws its holders over time.')
    .addArgument(new Argument('<name>', 'the lock'))
    .addOption(
      new Option('--for <time>', `how long to watch: ${durationForm}`).argParser(toMilliseconds).default(10_000, '10s'),
    )
    .addOption(
      new Option('--format <format>', 'default: by the end of the name of the file, else text').choices(formats),
    )
    .option('-o, --output <file>', 'write to this file instead of standard output')
    .option('--prefix <prefix>', 'prefix of the lock file, like lock_file_prefix of oslo.concurrency');
  for (const option of placeOptions()) command.addOption(option);
  return command.addHelpText('after', help).action(async (name: string, options: HistoryOptions) => {
    try {
      loadConfigOf(options);
      exit(await draw(name, options));
    } catch (error) {
      exit(statusOfFailure(error));
    }
  });
}

async function draw(name: string, options: HistoryOptions): Promise<number> {
  const { output, prefix, lockPath } = options;
  const format = formatOf(options);
  const directory = directoryOf(lockPath === undefined ? {} : { lockPath });
  const file = lockFileName(name, prefix);
  // Both fail before the wait for what they need later.
  readLockPath(directory);
  if (output !== undefined) writeFileSync(output, '');
  return untilEnded(async (signal) => {
    const start = realTime.now();
    const seen = new LockHistory(file, realTime.date());
    const ended = new AbortController();
    const timer = realTime.setTimeout(() => ended.abort(), options.for);
    const care = careOf(driverOf(directory));
    const look = async (): Promise<LockStatus | undefined> => {
      try {
        return (await care.list(directory, [file])).find((status) => status.name === file);
      } catch (error) {
        throw explainedAt(directory, error);
      }
    };
    const until = AbortSignal.any([signal, ended.signal]);
    try {
      for await (const one of looks(look, () => care.changing(directory), pace, until)) {
        seen.see(one, realTime.now() - start);
        if (seen.looks === 1 && process.stderr.isTTY) complain(`watching ${name}; Ctrl-C ends that and draws it`);
      }
    } finally {
      realTime.clearTimeout(timer);
    }
    const text = await drawn(seen, realTime.now() - start, format, name);
    if (output === undefined) await print(text);
    else writeFileSync(output, text);
  });
}

function formatOf({ format, output }: HistoryOptions): Format {
  if (format !== undefined) return format;
  const end = output === undefined ? '' : extname(output).slice(1);
  if (end === 'svg' || end === 'html') return end;
  if (['', 'txt', 'text'].includes(end)) return 'text';
  throw new UsageError(`--output ${output}: give the --format too, which is one of ${formats.join(', ')}`);
}

async function drawn(history: LockHistory, at: number, format: Format, name: string): Promise<string> {
  // Only this command draws, and half of its bytes are the page's.
  const { drawTimeline } = await import('../../timeline/draw.js');
  const layout = history.layout(at);
  const title = `The holders of ${name} over time`;
  if (format !== 'text') return drawTimeline(layout, { format, title });
  const margin = Math.max(4, ...layout.rows.map(({ label }) => label.length));
  const columns = Math.max(20, Math.min(100, (process.stdout.columns || 103 + margin) - margin - 3));
  const holders = history
    .summaries(at)
    .map(
      ({ label, description, holds, heldMs }) => `${label}  ${description}: held ${times(holds)}, ${length(heldMs)}`,
    );
  const seen = holders.length === 0 ? ['No holder was seen.'] : holders;
  return `${drawTimeline(layout, { format, columns })}\n${[...seen, `${history.looks} looks`].join('\n')}\n`;
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);
const length = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : formatDuration(ms));
