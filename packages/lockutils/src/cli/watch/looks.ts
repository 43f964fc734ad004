import { watch } from 'node:fs';
import { realTime } from '@oslo-concurrency/core';
import { withSpareDescriptors } from '../../drivers/idle-files.js';

/** Milliseconds from one look to the next: at least this many, so that changes cost little; and at most, though no hint comes. */
export interface Pace {
  readonly atLeast: number;
  readonly atMost: number;
}

/**
 * Looks at something again and again, until `signal` aborts: soon after a change in one of the folders, and at the pace.
 *
 * The folders are watched from before a look until the first change, not during the pause after it. So no change is
 * missed: one that comes while they are not watched comes before the next look. And a lock that changes hands ten thousand
 * times a second costs no more than one look each `atLeast`. Where the system grants no watcher, the pace alone serves.
 */
export async function* looks<T>(
  look: () => T | Promise<T>,
  folders: () => readonly string[],
  pace: Pace,
  signal: AbortSignal,
): AsyncGenerator<T> {
  while (!signal.aborted) {
    const hint = firstChange(folders());
    try {
      yield await look();
      await pause(pace.atMost, signal, hint.changed);
    } finally {
      hint.close();
    }
    await pause(pace.atLeast, signal);
  }
}

function firstChange(folders: readonly string[]): { readonly changed: Promise<void>; close(): void } {
  let change = (): void => {};
  const changed = new Promise<void>((resolve) => {
    change = resolve;
  });
  const watchers = folders.flatMap((folder) => {
    try {
      const watcher = withSpareDescriptors(() => watch(folder, () => change()));
      watcher.on('error', () => {});
      return [watcher];
    } catch {
      // It does not exist yet, or there are no more watchers for this user.
      return [];
    }
  });
  return {
    changed,
    close() {
      for (const watcher of watchers) watcher.close();
    },
  };
}

function pause(ms: number, signal: AbortSignal, sooner?: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      realTime.clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = realTime.setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    void sooner?.then(end);
  });
}
