import type { Command, Option } from 'commander';
import { loadConfigOf } from '../commands/options.js';
import { type Candidate, lockNames, placeIn } from './lock-names.js';

/** What a shell may offer for the word under the cursor. */
export type Candidates =
  | { readonly kind: 'words'; readonly words: readonly Candidate[] }
  | { readonly kind: 'files' | 'directories' }
  /** A command with its arguments, which begins at this word. */
  | { readonly kind: 'command'; readonly from: number };

const nothing: Candidates = { kind: 'words', words: [] };
const durations: readonly Candidate[] = ['500ms', '10s', '5m', '2h', '7d', '1w'].map((text) => [text, '']);
const engines: readonly Candidate[] = [
  ['etcd://', 'host:port[,host:port...][/prefix]'],
  ['etcds://', 'the same by TLS'],
  ['postgres://', 'user@host/database'],
  ['redis://', 'host:port'],
  ['rediss://', 'the same by TLS'],
  ['file:///', 'a directory on a shared file system'],
];

/** The values of an option that has no choices of its own, by its name. */
const valuesOf: { readonly [option: string]: Candidates } = {
  '--lock-path': { kind: 'directories' },
  '--config-dir': { kind: 'directories' },
  '--config-file': { kind: 'files' },
  '--output': { kind: 'files' },
  '--lease': { kind: 'words', words: engines },
  ...Object.fromEntries(
    ['--timeout', '--ttl', '--keep', '--older-than', '--for'].map((name) => [
      name,
      { kind: 'words', words: durations },
    ]),
  ),
};

/** What stands before the word under the cursor. */
interface Before {
  /** The places of the words that are no options. */
  readonly operands: readonly number[];
  /** The option whose value the next word is. */
  readonly open: Option | undefined;
  readonly optionsEnded: boolean;
}

/**
 * What may stand in the place of the last of `words`; the first is the word after `lockutils`. Reads the commands and
 * options of `program`, so that it cannot fall behind them.
 */
export async function candidates(program: Command, words: readonly string[]): Promise<Candidates> {
  const current = words.at(-1) ?? '';
  const command = program.commands.find((one) => one.name() === words[0]);
  if (words.length <= 1) return current.startsWith('-') ? options(program) : commands(program);
  if (words[0] === 'help') return words.length === 2 ? commands(program) : nothing;
  if (command === undefined) return nothing;
  const { operands, open, optionsEnded } = readBefore(command, words.slice(0, -1));
  if (open !== undefined) return values(open);
  const takesCommand = command.registeredArguments.some(({ variadic }) => variadic);
  const [, from] = takesCommand ? operands : [];
  if (from !== undefined) return { kind: 'command', from };
  if (current.startsWith('-') && !optionsEnded) {
    const [, name, given] = /^(--[\w-]+)=(.*)$/.exec(current) ?? [];
    const option = command.options.find(({ long }) => long !== undefined && long === name);
    return given === undefined
      ? options(command)
      : option === undefined
        ? nothing
        : prefixed(`${name}=`, values(option));
  }
  if (takesCommand && operands.length === 1) return { kind: 'command', from: words.length - 1 };
  const argument = command.registeredArguments[operands.length];
  if (argument === undefined) return nothing;
  if (argument.argChoices !== undefined) return { kind: 'words', words: argument.argChoices.map((word) => [word, '']) };
  return { kind: 'words', words: await names(words) };
}

/** Reads the words of a command before the cursor, without the command itself. */
function readBefore(command: Command, words: readonly string[]): Before {
  const operands: number[] = [];
  let open: Option | undefined;
  let optionsEnded = false;
  for (const [place, word] of words.entries()) {
    if (place === 0) continue;
    if (open !== undefined) open = undefined;
    else if (!optionsEnded && word === '--') optionsEnded = true;
    else if (optionsEnded || !word.startsWith('-') || word === '-') operands.push(place);
    else {
      const option = command.options.find(({ short, long }) => word === short || word === long);
      if (option?.required === true) open = option;
    }
    // The rest belongs to the command that lockutils runs.
    if (operands.length > 1) break;
  }
  return { operands, open, optionsEnded };
}

function commands(program: Command): Candidates {
  const words = program.createHelp().visibleCommands(program);
  return { kind: 'words', words: words.map((one): Candidate => [one.name(), one.summary() || one.description()]) };
}

function options(command: Command): Candidates {
  const words = command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, short, description }): Candidate => [long ?? short ?? '', description]);
  return { kind: 'words', words };
}

function values({ long, argChoices }: Option): Candidates {
  if (argChoices !== undefined) return { kind: 'words', words: argChoices.map((word) => [word, '']) };
  return valuesOf[long ?? ''] ?? nothing;
}

function prefixed(prefix: string, found: Candidates): Candidates {
  if (found.kind !== 'words') return found;
  return { kind: 'words', words: found.words.map(([word, meaning]) => [`${prefix}${word}`, meaning]) };
}

async function names(words: readonly string[]): Promise<readonly Candidate[]> {
  try {
    const place = placeIn(words);
    loadConfigOf(place);
    return await lockNames(place);
  } catch {
    // There is no lock path yet, or it is not readable: nothing to offer, and no place for a message.
    return [];
  }
}
