import { type Channel, channel } from 'node:diagnostics_channel';

/** A message on one of the {@link lockChannels}. Times are milliseconds. */
export interface LockEvent {
  /** The lock name as the caller wrote it. */
  readonly name: string;
  /** A number that all events of one call share. It is unique in this thread, among locks and leases. */
  readonly id: number;
  /** Whether the lock holds between processes. */
  readonly external: boolean;
  /** `true` for a lease. */
  readonly lease?: boolean;
  /** The lock file of an external lock. */
  readonly lockFile?: string;
  /** `grant` and `fail`: how long the call waited. */
  readonly waitedMs?: number;
  /** `release` and `lost`: how long the lock was held. Absent at a `release` if `release` had no subscriber at the grant. */
  readonly heldMs?: number;
  /** `grant`: whether the last holder ended without a release, which may have left its work half done. */
  readonly previousOwnerDied?: boolean;
  /**
   * `wait`: an object whose `holders()` resolves to the known holders; `fail` and `lost`: the error; `overdue`: `waiting
   * for` or `holding`.
   */
  readonly detail?: unknown;
}

/** A message on one of the {@link commandChannels}. Times are milliseconds; secrets are masked. */
export interface CommandEvent {
  /** A number that both events of one command share. It is unique in this process. */
  readonly id: number;
  /** The command line, masked. */
  readonly command: string;
  /** The file name of the program that the caller named, masked; that of the shell for a command in a shell. */
  readonly program: string;
  readonly pid?: number;
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  /** `end`: the exit code, if the command ended by itself. */
  readonly exitCode?: number;
  /** `end`: the signal that ended the command. */
  readonly signal?: string;
  /**
   * `end`: why the command counts as failed: `timeout`; `abort` by its signal; `failure` of a callback or a limit of its
   * caller, which ended it; `exit`: its exit code is not among those that the caller accepts. Absent after a success.
   */
  readonly failed?: 'timeout' | 'abort' | 'failure' | 'exit';
  /** `end` and `fail`: how long the command ran, or the attempt to start it took. */
  readonly durationMs?: number;
  /** `fail`: the error. */
  readonly detail?: unknown;
}

const lockChannel = (event: string): Channel => channel(`oslo-concurrency:lock:${event}`);
const commandChannel = (event: string): Channel => channel(`oslo-concurrency:command:${event}`);

/**
 * The `diagnostics_channel` channels of locks, named `oslo-concurrency:lock:<event>`; messages are {@link LockEvent}s.
 *
 * `acquire`: a caller requested the lock · `wait`: the lock could not be granted at once · `grant` · `fail`: the call ended
 * without the lock · `release` · `lost`: a lease or lock ended while it was held · `overdue`: a wait or a hold lasts longer
 * than its `warnAfter`; `detail` says which. Each `acquire` is followed by one `grant` or one `fail`; each `grant` by a
 * `release` or a `lost`, or by both, unless the process or thread ends first. Nothing is computed for a channel without
 * subscribers.
 */
export const lockChannels = {
  acquire: lockChannel('acquire'),
  wait: lockChannel('wait'),
  grant: lockChannel('grant'),
  fail: lockChannel('fail'),
  release: lockChannel('release'),
  lost: lockChannel('lost'),
  overdue: lockChannel('overdue'),
} as const;

/**
 * The channels of commands, named `oslo-concurrency:command:<event>`; messages are {@link CommandEvent}s. `start`, `end` ·
 * `fail`: an attempt of a command could not be started. Each `start` is followed by an `end`. The commands of
 * `sshExecute` are not reported.
 */
export const commandChannels = {
  start: commandChannel('start'),
  end: commandChannel('end'),
  fail: commandChannel('fail'),
} as const;
