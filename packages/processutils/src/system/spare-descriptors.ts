import { closeSync, openSync } from 'node:fs';

/** Descriptors that were put by, or the system's error that said there are too few. */
export type SpareDescriptors = { release(): void } | { readonly problem: unknown; release(): void };

const kept: number[] = [];

/** How many descriptors starting a process takes: two for each pipe, and two by which libuv hears of a failed exec. */
export function descriptorsToSpawn(streams: readonly unknown[]): number {
  return 2 * streams.filter((stream) => stream === 'pipe').length + 2;
}

/**
 * Makes sure that `needed` descriptors can be opened, and puts `spare` by until `release`.
 *
 * When they are missing, Node starts a process in a way that no caller can catch: it gives a child without streams, over which execa
 * stumbles, and which then emits an error, with the arguments in it, that has no listener and ends this process.
 * Between this and the start only another thread could take them.
 */
export function holdDescriptors(needed: number, spare: number): SpareDescriptors {
  const opened: number[] = [];
  try {
    while (opened.length < needed + spare) opened.push(openSync('/dev/null', 'r'));
  } catch (problem) {
    const { code } = problem as NodeJS.ErrnoException;
    const outOfThem = code === 'EMFILE' || code === 'ENFILE';
    // Anything else, such as no /dev/null, says nothing about descriptors.
    if (outOfThem) return { problem, release() {} };
    return { release() {} };
  } finally {
    for (const descriptor of opened.splice(0, opened.length === needed + spare ? needed : opened.length)) {
      closeSync(descriptor);
    }
    kept.push(...opened);
  }
  let held = spare;
  return {
    release() {
      for (; held > 0; held -= 1) {
        const descriptor = kept.pop();
        if (descriptor !== undefined) closeSync(descriptor);
      }
    },
  };
}

/** Looks at the system with one descriptor that was put by: whatever holds all the others must not make it blind. */
export function withSpareDescriptor<T>(look: () => T): T {
  const descriptor = kept.pop();
  if (descriptor === undefined) return look();
  closeSync(descriptor);
  try {
    return look();
  } finally {
    try {
      kept.push(openSync('/dev/null', 'r'));
    } catch {
      // Somebody else has it now.
    }
  }
}
