import { spawn } from 'node:child_process';
import { exitStatus, signalStatus } from '../exit-status.js';
import { stillRuns, withDescendants } from './descendants.js';
import { findProgram } from './find-program.js';
import { windowsStart } from './windows-command.js';

/** A command that runs in our place: with the same terminal, streams and signals. */
export interface ChildCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Put in front of the command line: a program that executes the rest of its arguments in its own process. */
  readonly launcher?: readonly string[];
  /** Open descriptors that the command gets as 3, 4 ... */
  readonly descriptors?: readonly number[];
}

/** How a command ended: its exit status as shells count it, and the signal, if one ended it. */
export interface ChildEnd {
  readonly status: number;
  readonly signal?: NodeJS.Signals;
  /** A message for the user if the command could not be started. */
  readonly problem?: string;
}

/** A running command. */
export interface RunningChild {
  readonly ended: Promise<ChildEnd>;
  kill(signal: NodeJS.Signals): void;
  /**
   * Sends the signal to the command, to its descendants, and to the processes that it was sent to before, even if the
   * command has ended since.
   */
  killTree(signal: NodeJS.Signals): void;
  /** Whether a process that `killTree` has sent a signal to still runs. */
  treeRuns(): boolean;
}

/** Starts the command. It inherits only our streams 0 to 2 and `descriptors`. Never throws. */
export function startChild(command: ChildCommand): RunningChild {
  const { file, args, env = process.env, launcher = [], descriptors = [] } = command;
  const found = findProgram(file, env);
  if (found.path === undefined) {
    const missing = found.problem === 'not-found';
    const status = missing ? exitStatus.notFound : exitStatus.notExecutable;
    const problem = `cannot run ${file}: ${missing ? 'no such program' : 'it is not executable'}`;
    return { ended: Promise.resolve({ status, problem }), kill() {}, killTree() {}, treeRuns: () => false };
  }
  const [program = file, ...rest] = [...launcher, file, ...args];
  const start =
    process.platform === 'win32' ? windowsStart(found.path, args, env) : { file: program, args: rest, verbatim: false };
  const child = spawn(start.file, start.args, {
    stdio: ['inherit', 'inherit', 'inherit', ...descriptors],
    env,
    windowsVerbatimArguments: start.verbatim,
  });
  const ended = new Promise<ChildEnd>((resolve) => {
    child.on('error', (error: NodeJS.ErrnoException) =>
      resolve({
        // The file exists, so its interpreter is missing.
        status: error.code === 'ENOENT' ? exitStatus.notFound : exitStatus.notExecutable,
        problem: `cannot run ${file}: ${error.code ?? error.message}`,
      }),
    );
    child.on('exit', (code, signal) =>
      resolve(signal === null ? { status: code ?? 0 } : { status: signalStatus(signal), signal }),
    );
  });
  const descendants = new Map<number, number>();
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    killTree(signal) {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
        for (const [pid, start] of withDescendants(child.pid)) {
          if (pid !== child.pid && start !== undefined) descendants.set(pid, start);
        }
        child.kill(signal);
      }
      for (const [pid, start] of descendants) if (stillRuns(pid, start)) sendQuietly(pid, signal);
    },
    treeRuns: () => [...descendants].some(([pid, start]) => stillRuns(pid, start)),
  };
}

function sendQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended in the meantime, or we may not signal it: a set-user-id program.
  }
}
