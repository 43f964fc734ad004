import { type Channel, channel } from 'node:diagnostics_channel';

/** A message on one of the {@link lockChannels}. Times are milliseconds. */
export interface LockEvent {
  /** The lock name as the caller wrote it. */
  readonly name: string;
  /** A number that all events of one `lock()` call share. It is unique in this process. */
  readonly id: number;
  /** Whether the lock holds between processes. */
  readonly external: boolean;
  /** The lock file of an external lock. */
  readonly lockFile?: string;
  /** `grant`: how long the call waited. */
  readonly waitedMs?: number;
  /** `release` and `lost`: how long the lock was held. Absent at a `release` if `release` had no subscriber at the grant. */
  readonly heldMs?: number;
  /** `wait`: an object whose `holders()` resolves to the known holders; `lost`: the reason; `overdue`: `waiting for` or `holding`. */
  readonly detail?: unknown;
}

/** A message on one of the {@link commandChannels}. Times are milliseconds; secrets are masked. */
export interface CommandEvent {
  /** A number that both events of one command share. It is unique in this process. */
  readonly id: number;
  /** The command line, masked. */
  readonly command: string;
  readonly pid?: number;
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  /** `end`: the exit code, if the command ended by itself. */
  readonly exitCode?: number;
  /** `end`: the signal that ended the command. */
  readonly signal?: string;
  /** `end`: how long the command ran. */
  readonly durationMs?: number;
}

const lockChannel = (event: string): Channel => channel(`oslo-concurrency:lock:${event}`);
const commandChannel = (event: string): Channel => channel(`oslo-concurrency:command:${event}`);

/**
 * The `diagnostics_channel` channels of locks, named `oslo-concurrency:lock:<event>`; messages are {@link LockEvent}s.
 *
 * `acquire`: a caller requested the lock · `wait`: the lock could not be granted at once · `grant` · `release` · `lost`: a
 * lease or lock ended while it was held · `overdue`: a wait or a hold lasts longer than its `warnAfter`; `detail` says
 * which. Nothing is computed for a channel without subscribers.
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
