import type { ChildProcess } from 'node:child_process';
import { loadPackage } from '@oslo-concurrency/core';
import type { Command, OutputPlan } from './command.js';
import { descriptorsToSpawn, holdDescriptors } from './spare-descriptors.js';
import { spawnFailure } from './spawn-failure.js';
import type { SpawnPlan } from './spawn-plan.js';

/** A process that was started. */
export interface StartedProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Gives back the descriptors that were put by for it. */
  release(): void;
}

// At the first command: it takes longer to load than all of ours.
let loaded: typeof import('execa') | undefined;

function loadExeca(): typeof import('execa') {
  loaded ??= loadPackage<typeof import('execa')>(import.meta.url, 'execa');
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
  const { cwd, uid, gid } = command;
  const pipes = pipesOf(command);
  const descriptors = holdDescriptors(descriptorsToSpawn(Object.values(pipes)), spare);
  if ('problem' in descriptors) throw spawnFailure({ ...command, file: plan.file }, descriptors.problem);
  const { execa } = loadExeca();
  const child = execa(plan.file, plan.args, {
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    env: plan.env,
    extendEnv: false,
    detached: ownGroup,
    ...pipes,
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
  if (pid !== undefined) return { child, pid, release: () => descriptors.release() };
  descriptors.release();
  throw spawnFailure({ ...command, file: plan.file }, (await child).cause);
}

function pipesOf({ processInput, stdin, stdout, stderr }: Command) {
  return {
    stdin: processInput === undefined ? stdin : 'pipe',
    stdout: outputOf(stdout),
    stderr: outputOf(stderr),
  } as const;
}

function outputOf({ target }: OutputPlan): 'pipe' | 'inherit' | 'ignore' {
  return target === 'inherit' || target === 'ignore' ? target : 'pipe';
}
