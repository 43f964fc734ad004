import type { Clock } from '@oslo-concurrency/core';

/**
 * Settles as `answer` does, or rejects with what `late` makes when it has not settled after `limit` ms by `clock`.
 * What `answer` brings after that is nobody's: `late` has to see to it.
 */
export function answeredWithin<T>(
  answer: Promise<T>,
  limit: number,
  clock: Pick<Clock, 'schedule'>,
  late: () => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopTimer = clock.schedule(limit, () => reject(late()));
    answer.finally(stopTimer).then(resolve, reject);
  });
}
