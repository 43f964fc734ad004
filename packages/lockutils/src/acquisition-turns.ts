import type { Acquisition } from './acquisition.js';
import { timedOut } from './acquisition-report.js';
import type { LockRequest } from './drivers/driver.js';
import { type HeldTurn, leaveTurn } from './local/held-turn.js';
import type { TurnMode } from './local/turn-queue.js';
import { pathRegistry, type TurnRegistry } from './local/turn-registry.js';
import { type Asker, waitTurn } from './local/wait-turn.js';
import type { Patience } from './waiting/patience.js';

const alone: TurnMode = { shared: false, permits: undefined };

/** Takes a turn if nobody is in the way. */
export function takeTurn(call: Acquisition, registry: TurnRegistry, key: string, mode = call.mode): boolean {
  const queue = registry.open(key);
  const turn = queue.take(mode, call.body);
  if (turn === undefined) return false;
  const held: HeldTurn = { registry, key, queue, turn };
  // The first push to an empty array makes room for 17.
  if (call.turns.length === 0) call.turns = [held];
  else call.turns.push(held);
  return true;
}

/** Whether several may hold the file, so that those of this process go to the driver one by one. */
export const hasDoor = (request: LockRequest): boolean => request.shared || request.permits !== undefined;
const doorOf = (request: LockRequest): string => `${request.path}\0door`;

/** Waits for the door, if there is one. */
export async function waitForDoor(call: Acquisition, request: LockRequest, patience: Patience): Promise<void> {
  if (hasDoor(request)) await waitFor(call, pathRegistry, doorOf(request), alone, patience);
}

/** Takes the door of a file that several may hold, if such a one is asked for; `false` when it is taken. */
export function takeDoor(call: Acquisition, request: LockRequest): boolean {
  return !hasDoor(request) || takeTurn(call, pathRegistry, doorOf(request), alone);
}

/** Waits for a turn, which joins those of the call. @throws LockTimeoutError, DeadlockError, the signal's reason */
export async function waitFor(
  call: Acquisition,
  registry: TurnRegistry,
  key: string,
  mode: TurnMode,
  patience: Patience,
): Promise<void> {
  const queue = registry.open(key);
  const asker: Asker = { name: call.name, inside: call.inside, body: call.body };
  try {
    const turn = await waitTurn(queue, mode, asker, patience);
    if (turn === undefined) throw await timedOut(call);
    call.turns.push({ registry, key, queue, turn });
  } catch (error) {
    registry.settle(key, queue);
    throw error;
  }
}

/** Leaves all turns and throws. */
export function giveUp(call: Acquisition, error: unknown): never {
  for (const turn of call.turns.reverse()) leaveTurn(turn);
  call.turns.length = 0;
  throw error;
}
