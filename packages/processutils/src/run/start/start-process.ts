import type { ChildProcess } from 'node:child_process';
import { statSync } from 'node:fs';
import { constants } from 'node:os';
import { checkDescriptors } from '@oslo-concurrency/core';
import type { Command, OutputPlan } from '../../command/command.js';
import { stdioOf } from '../../command/extra-descriptors.js';
import { findProgram } from '../../system/program-search.js';
import { descriptorsToSpawn, holdDescriptors } from '../../system/spare-descriptors.js';
import { spawnFailure } from './spawn-failure.js';
import type { SpawnPlan } from './spawn-plan.js';

/** A process that was started. */
export interface StartedProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Releases the descriptors that were put by for it. */
  release(): void;
}

// At the first command: it takes longer to load than all of ours.
let loaded: typeof import('execa') | undefined;

async function loadExeca(): Promise<typeof import('execa')> {
  checkDescriptors();
  loaded = await import('execa');
  return loaded;
}

/**
 * Starts what the plan says, with `spare` descriptors put by for looking at it later.
 *
 * @throws ProcessExecutionError when it cannot be started.
 */
export async function startProcess(
  command: Command,
  plan: SpawnPlan,
  ownGroup: boolean,
  spare: number,
): Promise<StartedProcess> {
  const { cwd = ownDirectory(), uid, gid } = command;
  const stdio = stdioOfCommand(command);
  const descriptors = holdDescriptors(descriptorsToSpawn(stdio), spare);
  if ('problem' in descriptors) throw spawnFailure({ ...command, file: plan.file }, descriptors.problem);
  let started: StartedProcess | undefined;
  try {
    const { execa } = loaded ?? (await loadExeca());
    const child = execa(plan.file, plan.args, {
      ...(cwd === undefined ? {} : { cwd }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      env: plan.env,
      extendEnv: false,
      detached: ownGroup,
      windowsVerbatimArguments: plan.verbatim,
      // Its types know of no number from 3 on; it hands one over as it is.
      stdio: stdio as unknown as ['pipe', 'pipe', 'pipe'],
      encoding: 'buffer',
      // Output, ending and errors are ours; execa would print commands, with their secrets, under NODE_DEBUG=execa.
      buffer: false,
      reject: false,
      cleanup: false,
      // Or a SIGTERM sent in `onExecute` would become a SIGKILL after five seconds.
      forceKillAfterDelay: false,
      verbose: 'none',
    });
    const { pid } = child;
    if (pid === undefined) throw spawnFailure({ ...command, file: plan.file }, await causeOf(child, command, plan));
    started = { child, pid, release: () => descriptors.release() };
    return started;
  } finally {
    // Whatever went wrong, what was put by for this command serves no other command.
    if (started === undefined) descriptors.release();
  }
}

/** Why it was not started. In a directory that was removed execa fails to say so; then the search says what it can. */
async function causeOf(
  child: PromiseLike<{ cause?: unknown }>,
  { env }: Command,
  { file }: SpawnPlan,
): Promise<unknown> {
  try {
    return (await child).cause;
  } catch (error) {
    const found = findProgram(file, undefined, env.PATH);
    return 'problem' in found ? { code: found.problem, errno: -constants.errno[found.problem] } : error;
  }
}

/**
 * The working directory for a command without one of its own, where its path will not do: it was removed, or is another
 * directory by now. Node then leaves the child where it is; execa insists on a path, and this one stays true.
 */
function ownDirectory(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const [here, named] = [statSync('.'), statSync(process.cwd())];
    if (here.ino === named.ino && here.dev === named.dev) return undefined;
  } catch {
    // Removed, or not to be looked at.
  }
  return '/proc/self/cwd';
}

function stdioOfCommand({ processInput, stdin, stdout, stderr, extraDescriptors }: Command) {
  const input = processInput === undefined ? stdin : 'pipe';
  return [input, outputOf(stdout), outputOf(stderr), ...extraDescriptors.map(stdioOf)] as const;
}

function outputOf({ target }: OutputPlan): 'pipe' | 'inherit' | 'ignore' {
  return target === 'inherit' || target === 'ignore' ? target : 'pipe';
}
