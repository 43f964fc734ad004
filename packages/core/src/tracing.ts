import { type Channel, channel } from 'node:diagnostics_channel';

/** What a message on one of the {@link lockChannels} carries. Times are milliseconds. */
export interface LockEvent {
  /** The lock name as the user said it. */
  readonly name: string;
  /** A number that is the same in all events of one `lock()` call of this process. */
  readonly id: number;
  /** Whether the lock holds between processes. */
  readonly external: boolean;
  /** The lock file of an external lock. */
  readonly lockFile?: string;
  /** `grant`: how long the call waited. */
  readonly waitedMs?: number;
  /** `release` and `lost`: how long it was held. Absent at a `release` when nobody listened to it at the grant. */
  readonly heldMs?: number;
  /** `wait`: an object whose `holders()` tells who holds it, as far as known; `lost`: why; `overdue`: which. */
  readonly detail?: unknown;
}

/** What a message on one of the {@link commandChannels} carries. Times are milliseconds; secrets are masked. */
export interface CommandEvent {
  /** A number that is the same in both events of one command of this process. */
  readonly id: number;
  /** The command line, masked. */
  readonly command: string;
  readonly pid?: number;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** `end`: the exit code, when it ended by itself. */
  readonly exitCode?: number;
  /** `end`: the signal that ended it. */
  readonly signal?: string;
  /** `end`: how long it ran. */
  readonly durationMs?: number;
}

const lockChannel = (event: string): Channel => channel(`oslo-concurrency:lock:${event}`);
const commandChannel = (event: string): Channel => channel(`oslo-concurrency:command:${event}`);

/**
 * The `diagnostics_channel` channels of locks, named `oslo-concurrency:lock:<event>`; messages are {@link LockEvent}s.
 *
 * `acquire`: a call was made · `wait`: it could not be granted at once · `grant` · `release` · `lost`: a lease or lock
 * ended under its holder · `overdue`: a wait or a hold lasts longer than its `warnAfter`; `detail` says which. Nothing is computed while nobody subscribes.
 */
export const lockChannels = {
  acquire: lockChannel('acquire'),
  wait: lockChannel('wait'),
  grant: lockChannel('grant'),
  release: lockChannel('release'),
  lost: lockChannel('lost'),
  overdue: lockChannel('overdue'),
} as const;

/** The channels of commands, `oslo-concurrency:command:start` and `:end`; messages are {@link CommandEvent}s. */
export const commandChannels = {
  start: commandChannel('start'),
  end: commandChannel('end'),
} as const;
