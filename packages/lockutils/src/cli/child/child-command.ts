import { spawn } from 'node:child_process';
import { exitStatus, signalStatus } from '../exit-status.js';
import { stillRuns, withDescendants } from './descendants.js';
import { findProgram } from './find-program.js';

/** A command to run in place of ourselves: same terminal, same streams, same signals. */
export interface ChildCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Put before the command line; a program that executes the rest of its arguments in its own place. */
  readonly launcher?: readonly string[];
  /** Open descriptors the command is to have as 3, 4 ... */
  readonly descriptors?: readonly number[];
}

/** How a command ended: its exit status as shells count, and the signal, if one ended it. */
export interface ChildEnd {
  readonly status: number;
  readonly signal?: NodeJS.Signals;
  /** What to tell the user: it could not be started. */
  readonly problem?: string;
}

/** A running command. */
export interface RunningChild {
  readonly ended: Promise<ChildEnd>;
  kill(signal: NodeJS.Signals): void;
  /** To the command, its descendants, and those whom it was sent to before, though the command has ended since. */
  killTree(signal: NodeJS.Signals): void;
  /** Whether somebody whom `killTree` has sent a signal to still runs. */
  treeRuns(): boolean;
}

/** Starts the command; it has only the streams 0 to 2 of ours, and `descriptors`. Never throws. */
export function startChild(command: ChildCommand): RunningChild {
  const { file, args, env = process.env, launcher = [], descriptors = [] } = command;
  const found = findProgram(file, env.PATH);
  if (found.path === undefined) {
    const missing = found.problem === 'not-found';
    const status = missing ? exitStatus.notFound : exitStatus.notExecutable;
    const problem = `cannot run ${file}: ${missing ? 'no such program' : 'it is not executable'}`;
    return { ended: Promise.resolve({ status, problem }), kill() {}, killTree() {}, treeRuns: () => false };
  }
  const [program = file, ...rest] = [...launcher, file, ...args];
  const child = spawn(program, rest, { stdio: ['inherit', 'inherit', 'inherit', ...descriptors], env });
  const ended = new Promise<ChildEnd>((resolve) => {
    child.on('error', (error: NodeJS.ErrnoException) =>
      resolve({
        // The file was there: it is its interpreter that is not.
        status: error.code === 'ENOENT' ? exitStatus.notFound : exitStatus.notExecutable,
        problem: `cannot run ${file}: ${error.code ?? error.message}`,
      }),
    );
    child.on('exit', (code, signal) =>
      resolve(signal === null ? { status: code ?? 0 } : { status: signalStatus(signal), signal }),
    );
  });
  const descendants = new Map<number, string>();
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
    // Ended meanwhile, or not ours to end: a set-user-id program.
  }
}

/**
 * The signals that are passed on: all that end a process if it does not take them, and that Node can take. Those that
 * stop and continue reach the command through its process group; SIGPIPE is no news where Node runs; of a fault
 * (SIGSEGV and the like) there is nothing to pass on.
 */
export const forwardedSignals: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGVTALRM',
  'SIGXCPU',
  'SIGIO',
  'SIGPWR',
];
