import { type Clock, getOption, processState, systemClock } from '@oslo-concurrency/core';
import type { LockDriver, LockRequest } from './drivers/driver.js';
import { selectDriver } from './drivers/select.js';
import type { HeldTurn } from './local/held-turn.js';
import type { TurnMode } from './local/turn-queue.js';
import { defaultRegistry, type TurnRegistry } from './local/turn-registry.js';
import { type Body, currentBody } from './local/wait-graph.js';
import { checkLockOptions, type LockOptions } from './lock-options.js';
import { lockFilePath } from './lock-path.js';

/** One call of `lock()`, checked and with its defaults filled in. */
export interface Acquisition {
  readonly id: number;
  readonly name: string;
  readonly options: LockOptions;
  readonly mode: TurnMode;
  readonly registry: TurnRegistry;
  /** Of an external lock; a promise until it is loaded. */
  driver: LockDriver | Promise<LockDriver> | undefined;
  readonly request: LockRequest | undefined;
  readonly clock: Clock;
  /** When the call began to wait, for whatever; who is granted at once has no need of the time. */
  start: number | undefined;
  readonly inside: Body | undefined;
  body: Body | undefined;
  /** `false` where a reader must not become a writer. */
  readonly upgradable: boolean;
  turns: HeldTurn[];
}

const ids = processState('lockutils/ids', 1, () => ({ last: 0 }));
/** Checks name and options, before any side effect. @throws what {@link checkLockOptions} and the lock path throw */
export function plan(name: string, options: LockOptions): Acquisition {
  checkLockOptions(name, options);
  const external = options.external === true && !getOption('disableProcessLocking');
  const path = external ? lockFilePath(name, options.lockFilePrefix, options.lockPath) : undefined;
  return acquisition(name, options, options.semaphores?.registry ?? defaultRegistry, path);
}

/**
 * A call whose turn of the name is in `registry`, and then for the lock file at `path`, whatever name others know it
 * by; without `path` it holds in this process only.
 */
export function planIn(
  registry: TurnRegistry,
  name: string,
  path: string | undefined,
  options: LockOptions,
): Acquisition {
  checkLockOptions(name, options);
  return acquisition(name, options, registry, path);
}

function acquisition(
  name: string,
  options: LockOptions,
  registry: TurnRegistry,
  path: string | undefined,
): Acquisition {
  const mode = modeOf(options);
  const clock = options.clock ?? systemClock;
  ids.last += 1;
  return {
    id: ids.last,
    name,
    options,
    mode,
    registry,
    driver: path === undefined ? undefined : selectDriver(options.driver),
    request: path === undefined ? undefined : { name, path, ...mode, label: options.label },
    clock,
    start: undefined,
    inside: options.deadlock === 'off' ? undefined : currentBody(),
    body: undefined,
    upgradable: true,
    turns: [],
  };
}

const exclusive: TurnMode = { shared: false, permits: undefined };
const together: TurnMode = { shared: true, permits: undefined };

function modeOf({ shared, permits }: LockOptions): TurnMode {
  if (permits !== undefined) return { shared: false, permits };
  return shared === true ? together : exclusive;
}

/** What all events of one call carry. */
export function eventOf({ id, name, request }: Acquisition): {
  id: number;
  name: string;
  external: boolean;
  lockFile?: string;
} {
  return { id, name, external: request !== undefined, ...(request === undefined ? {} : { lockFile: request.path }) };
}
