import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { getOption, isConcurrencyError, loadConfigFile } from '@oslo-concurrency/core';
import type { LockDriver } from '../drivers/driver.js';
import { kernelDriver } from '../drivers/kernel/kernel-driver.js';
import type { HeldLock } from '../held-lock.js';
import { lock } from '../lock.js';
import { type ChildEnd, startChild } from './child-command.js';
import { deathWatch } from './death-watch.js';
import { exitStatus } from './exit-status.js';
import { complain, statusOfFailure } from './failure.js';
import { type RememberedDescriptors, rememberDescriptors } from './lock-descriptors.js';
import type { RunOptions } from './run.js';
import { endBySignal, SignalRelay } from './signal-relay.js';
import { showWait } from './wait-notice.js';

/**
 * Takes the lock, runs the command, releases the lock; tells the exit status.
 *
 * Who holds what, and after a crash: while waiting, a place in line, which the kernel frees. From the grant until the end
 * of the command the lock, by a descriptor that no child gets; SIGKILL frees it, and `--if-killed` deals with the command
 * (see death-watch and lock-descriptors). A signal while waiting ends the wait and then us; one that comes after the
 * grant goes to the command, and we stay until it has ended.
 */
export async function runUnderLock(
  name: string,
  file: string,
  args: readonly string[],
  options: RunOptions,
): Promise<number> {
  if (options.shared === true && options.permits !== undefined)
    return wrongUsage('--permits and --shared exclude each other');
  if (!options.wait && options.timeout !== undefined) return wrongUsage('--no-wait and --timeout exclude each other');
  const relay = new SignalRelay();
  try {
    if (options.configFile !== undefined) loadConfigFile(options.configFile);
    const launcher = launcherFor(options);
    if (launcher === undefined) return wrongUsage('--if-killed kill needs setpriv of util-linux, which is not here');
    const descriptors = options.ifKilled === 'hold' ? rememberDescriptors() : undefined;
    const held = await take(name, [file, ...args], options, relay, descriptors);
    const end = await runHolding(held, file, args, launcher, relay, descriptors);
    await held.release();
    if (end.problem !== undefined) complain(end.problem);
    // As if we had not been there: a shell stops its loop when a Ctrl-C ended the command, not when it exits with 130.
    if (await relay.gotInterruptToo(end.signal)) endBySignal(relay, 'SIGINT');
    return end.status;
  } catch (error) {
    if (relay.endedWait !== undefined) return endBySignal(relay, relay.endedWait);
    if (isConcurrencyError(error, 'ERR_LOCK_TIMEOUT') || isConcurrencyError(error, 'ERR_LOCK_NOT_ACQUIRED')) {
      if (options.quiet !== true) complain(error.message);
      return options.conflictExitCode;
    }
    return statusOfFailure(error);
  } finally {
    relay.end();
  }
}

async function take(
  name: string,
  command: readonly string[],
  options: RunOptions,
  relay: SignalRelay,
  descriptors: RememberedDescriptors | undefined,
): Promise<HeldLock> {
  if (getOption('disableProcessLocking')) {
    complain('process locking is disabled by configuration, so the command runs without a lock');
  }
  const driver: LockDriver | undefined = descriptors && kernelDriver({ system: descriptors.system });
  let endNotice = (): void => {};
  try {
    return await lock(name, {
      external: true,
      label: options.label ?? labelOf(command),
      blocking: options.wait,
      signal: relay.waitSignal,
      onWait: (info) => {
        if (options.quiet !== true) endNotice = showWait(name, () => info.holders(), process.stderr);
      },
      ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
      ...(options.shared === undefined ? {} : { shared: options.shared }),
      ...(options.fair === undefined ? {} : { fair: options.fair }),
      ...(options.permits === undefined ? {} : { permits: options.permits }),
      ...(options.prefix === undefined ? {} : { lockFilePrefix: options.prefix }),
      ...(options.lockPath === undefined ? {} : { lockPath: options.lockPath }),
      ...(driver === undefined ? {} : { driver }),
    });
  } finally {
    endNotice();
  }
}

function runHolding(
  held: HeldLock,
  file: string,
  args: readonly string[],
  launcher: readonly string[],
  relay: SignalRelay,
  descriptors: RememberedDescriptors | undefined,
): Promise<ChildEnd> {
  const { OSLO_PREVIOUS_OWNER_DIED: _, ...env } = process.env;
  if (held.previousOwnerDied) env.OSLO_PREVIOUS_OWNER_DIED = '1';
  const inherited = held.lockFile === undefined ? undefined : descriptors?.handOver(held.lockFile);
  const child = startChild({ file, args, env, launcher, descriptors: inherited ?? [] });
  relay.passTo(child);
  return child.ended;
}

/** What the command is started through; `undefined` when it was asked for and cannot be had. */
function launcherFor({ ifKilled }: RunOptions): readonly string[] | undefined {
  if (ifKilled === 'hold' || ifKilled === 'leave') return [];
  return deathWatch() ?? (ifKilled === 'kill' ? undefined : []);
}

// As in the owner record: the program and its script, and no other argument, which may be a secret.
function labelOf([file = '', first]: readonly string[]): string {
  const script = first !== undefined && !first.startsWith('-') && existsSync(resolve(first)) ? ` ${first}` : '';
  return `${basename(file)}${script}`;
}

function wrongUsage(problem: string): number {
  complain(problem);
  return exitStatus.usage;
}
