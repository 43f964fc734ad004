import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { isConcurrencyError, realTime } from '@oslo-concurrency/core';
import { type ChildEnd, startChild } from '../child/child-command.js';
import { deathWatch } from '../child/death-watch.js';
import { endBySignal, SignalRelay } from '../child/signal-relay.js';
import { loadConfigOf } from '../commands/options.js';
import { exitStatus, statusOfFailure, UsageError } from '../exit-status.js';
import { complain } from '../terminal/output.js';
import { type Claim, claim, type RunOptions } from './claim.js';
import { endWhenLost } from './end-when-lost.js';
import { oncePerTick } from './once-per-tick.js';

/**
 * Acquires the lock or lease, runs the command, releases the lock or lease, and resolves to the exit status.
 *
 * State at each step, also after a crash:
 * - While waiting, we have a place in the queue. The kernel frees it if we die.
 * - From the grant until the end of the command, we hold the lock by a descriptor that no child inherits. SIGKILL frees
 *   the lock; `--if-killed` decides what happens to the command then (see death-watch, and the inheritable kernel driver).
 * - A signal during the wait ends the wait and then us. A signal after the grant goes to the command, and we stay until
 *   the command has ended.
 * - A lease ends by its ttl if we are killed. If the lease is lost, the command is ended (see end-when-lost).
 */
export async function runUnderLock(name: string, command: readonly string[], options: RunOptions): Promise<number> {
  const { status } = await runOnce(name, command, options);
  return status;
}

/**
 * The same, again and again until the command ends by itself or by a signal: when the lease is lost, which ends the command,
 * this process waits for it again. Resolves to the exit status.
 */
export async function runWhileLeading(name: string, command: readonly string[], options: RunOptions): Promise<number> {
  for (;;) {
    const { status, lost } = await runOnce(name, command, options);
    if (!lost) return status;
    if (options.quiet !== true) complain(`no longer leads ${name}; campaigning again`);
    // Leaves it to another candidate.
    await realTime.pause(1000);
  }
}

async function runOnce(
  name: string,
  command: readonly string[],
  options: RunOptions,
): Promise<{ readonly status: number; readonly lost?: boolean }> {
  const relay = new SignalRelay();
  try {
    checkTogether(options);
    loadConfigOf(options);
    const launcher = launcherFor(options);
    const label = options.label ?? labelOf(command);
    const run = (claimed: Claim): Promise<ChildEnd> => runHolding(claimed, command, launcher, relay);
    const { end, lost } =
      options.oncePer === undefined
        ? await runClaimed(await claim(name, label, options, relay.waitSignal), run)
        : await oncePerTick(name, label, { ...options, oncePer: options.oncePer }, relay.waitSignal, run);
    if (end.problem !== undefined) complain(end.problem);
    // Behaves as the command itself would: a shell stops its loop when a Ctrl-C ended the command, but not when the
    // command exits with 130.
    if (await relay.gotInterruptToo(end.signal)) endBySignal(relay, 'SIGINT');
    return { status: lost ? exitStatus.leaseLost : end.status, lost };
  } catch (error) {
    if (relay.endedWait !== undefined) return { status: endBySignal(relay, relay.endedWait) };
    if (isConflict(error)) {
      if (options.quiet !== true) complain(error.message);
      return { status: options.conflictExitCode };
    }
    return { status: statusOfFailure(error) };
  } finally {
    relay.end();
  }
}

function checkTogether(options: RunOptions): void {
  const given = new Set(Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [name])));
  const refuse = (one: keyof RunOptions, other: keyof RunOptions, text: string): void => {
    if (given.has(one) && given.has(other)) throw new UsageError(text);
  };
  refuse('permits', 'shared', '--permits and --shared exclude each other');
  if (!options.wait) refuse('timeout', 'wait', '--no-wait and --timeout exclude each other');
  for (const option of ['shared', 'fair', 'prefix', 'lockPath'] as const) {
    refuse('lease', option, `--${option === 'lockPath' ? 'lock-path' : option} is for locks, not for a --lease`);
  }
  for (const option of ['shared', 'permits', 'fair', 'prefix'] as const) {
    refuse('oncePer', option, `--once-per and --${option} exclude each other`);
  }
  if (!options.wait) refuse('oncePer', 'wait', '--once-per and --no-wait exclude each other');
  if (options.ifKilled === 'hold') refuse('oncePer', 'ifKilled', '--once-per and --if-killed hold exclude each other');
  if (options.oncePer === undefined && (options.afterCrash !== undefined || options.keep !== undefined)) {
    throw new UsageError('--after-crash and --keep are for --once-per');
  }
  if (options.ifKilled === 'hold') refuse('lease', 'ifKilled', '--if-killed hold is for locks, not for a --lease');
}

async function runClaimed(
  claimed: Claim,
  run: (claimed: Claim) => Promise<ChildEnd>,
): Promise<{ readonly end: ChildEnd; readonly lost: boolean }> {
  const end = await run(claimed);
  return { end, lost: await releaseClaim(claimed) };
}

async function runHolding(
  claimed: Claim,
  [file = '', ...args]: readonly string[],
  launcher: readonly string[],
  relay: SignalRelay,
): Promise<ChildEnd> {
  // These variables come from an outer lockutils and are about its lock.
  const { OSLO_PREVIOUS_OWNER_DIED: _, OSLO_FENCING_TOKEN: __, ...inherited } = process.env;
  const env = { ...inherited, ...claimed.env };
  const child = startChild({ file, args, env, launcher, descriptors: claimed.descriptors });
  relay.passTo(child);
  const stopWatching = endWhenLost(claimed, child);
  try {
    return await child.ended;
  } finally {
    await stopWatching();
  }
}

/**
 * Resolves to whether the claim had been lost before. A claim that could not be released otherwise ends with this
 * process, or by its ttl.
 */
async function releaseClaim(claimed: Claim): Promise<boolean> {
  try {
    await claimed.release();
    return false;
  } catch (error) {
    complain((error as Error).message);
    return isConcurrencyError(error, 'ERR_LEASE_LOST');
  }
}

/** The launcher of the command. @throws UsageError if `--if-killed kill` was given and no launcher is available. */
function launcherFor({ ifKilled }: RunOptions): readonly string[] {
  if (ifKilled === 'hold' || ifKilled === 'leave') return [];
  const launcher = deathWatch();
  if (launcher !== undefined) return launcher;
  if (ifKilled === 'kill') throw new UsageError('--if-killed kill needs setpriv of util-linux, which is not installed');
  return [];
}

// As in the owner record: the program and its script, without other arguments, which may be secrets.
function labelOf([file = '', first]: readonly string[]): string {
  const script = first !== undefined && !first.startsWith('-') && existsSync(first) ? ` ${first}` : '';
  return `${basename(file)}${script}`;
}

const conflicts = ['ERR_LOCK_TIMEOUT', 'ERR_LOCK_NOT_ACQUIRED', 'ERR_LEASE_TIMEOUT', 'ERR_LEASE_NOT_ACQUIRED'];

function isConflict(error: unknown): error is Error {
  return conflicts.some((code) => isConcurrencyError(error, code));
}
