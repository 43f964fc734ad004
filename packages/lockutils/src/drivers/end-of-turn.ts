import { realTime } from '@oslo-concurrency/core';

// What is put off to the end of this turn of the event loop: of all drivers, so that the process has one listener.
const due = new Set<() => void>();
let isPlanned = false;
let listens = false;
let exits = false;

/**
 * Calls `end` once at the end of this turn of the event loop, or before: when the thread exits, or is about to stop.
 * Returns whether it will; a thread that exits has no further turn.
 */
export function atEndOfTurn(end: () => void): boolean {
  if (exits) return false;
  due.add(end);
  if (isPlanned) return true;
  isPlanned = true;
  realTime.setImmediate(() => {
    isPlanned = false;
    // What these put off in their turn is for the end of the next one.
    const ends = [...due];
    due.clear();
    for (const each of ends) each();
  });
  return true;
}

/** Does now what was put off: a thread that stops would keep others waiting, and perhaps itself. */
export function endTurnNow(): void {
  // Also what these put off in their turn.
  for (const each of due) {
    due.delete(each);
    each();
  }
}

/** Called before anything is put off: a listener that is added when the process already exits is not called. */
export function noticeExit(): void {
  if (listens) return;
  listens = true;
  process.once('exit', () => {
    exits = true;
    endTurnNow();
  });
}
