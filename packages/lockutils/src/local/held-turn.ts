import type { Turn, TurnQueue } from './turn-queue.js';
import type { TurnRegistry } from './turn-registry.js';

/** A turn in one of this process's queues, with the queue it belongs to. */
export interface HeldTurn {
  readonly registry: TurnRegistry;
  readonly key: string;
  readonly queue: TurnQueue;
  readonly turn: Turn;
}

/** Leaves a queue of this process, and forgets the queue if it is now idle. */
export function leaveTurn({ registry, key, queue, turn }: HeldTurn): void {
  queue.leave(turn);
  registry.settle(key, queue);
}
