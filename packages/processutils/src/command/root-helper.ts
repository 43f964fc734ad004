import { spawn } from 'node:child_process';
import { split } from 'shlex';
import { InvalidArgumentError, NoRootWrapSpecifiedError } from '../errors/argument-errors.js';
import { trustedPath } from '../system/program-search.js';
import type { PrivilegedSignal } from '../terminate/command-tree.js';
import { hidden } from './masked-misuse.js';

/** What goes in front of a command that needs root: as written, for a shell, and split into words. */
export interface RootHelper {
  readonly text: string;
  readonly words: readonly string[];
}

/**
 * The helper that a command needs: none unless it is to run as root and this process does not.
 *
 * @throws NoRootWrapSpecifiedError when one is needed and none given.
 * @throws InvalidArgumentError when it has an open quote, or an empty word first.
 */
export function neededRootHelper(runAsRoot: boolean, rootHelper: string): RootHelper | undefined {
  const words = splitWords(rootHelper);
  if (!runAsRoot || process.geteuid?.() === 0) return undefined;
  if (words.length === 0) throw new NoRootWrapSpecifiedError();
  return { text: rootHelper, words };
}

function splitWords(text: string): string[] {
  let words: string[];
  try {
    words = split(text);
  } catch {
    throw new InvalidArgumentError('rootHelper', 'words as a shell would split them, quotes closed', hidden(text));
  }
  if (words[0] === '') throw new InvalidArgumentError('rootHelper', 'a program and its arguments', hidden(text));
  return words;
}

/** Signals processes through the helper, as `sudo kill` would; waits at most 100 ms for it, and reports nothing. */
export function signalThrough(helper: RootHelper): PrivilegedSignal {
  const [file = '', ...words] = helper.words;
  return (pids, signal) =>
    new Promise((resolve) => {
      const args = [...words, 'kill', `-${signal.slice(3)}`, ...pids.map(String)];
      const env = { ...process.env, PATH: trustedPath(process.env.PATH) };
      const child = spawn(file, args, { stdio: 'ignore', env, cwd: '/', timeout: 1000, killSignal: 'SIGKILL' });
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
      child.unref();
    });
}
