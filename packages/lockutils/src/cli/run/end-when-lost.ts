import { realTime } from '@oslo-concurrency/core';
import type { RunningChild } from '../child/child-command.js';
import type { Claim } from './claim.js';

/**
 * Ends the command when its claim is lost: sends SIGTERM to the command and its descendants at once, and SIGKILL after
 * two thirds of the margin, so that they have ended before another holder can be granted the lease. Returns a function
 * to call when the command has ended: it stops watching, and after a loss waits for the descendants, which may outlive
 * the command.
 *
 * This cannot reach a descendant that has left its parent, and cannot act while the machine is paused. The fencing
 * token covers these cases.
 */
export function endWhenLost({ lost, margin = 0 }: Claim, child: RunningChild): () => Promise<void> {
  if (lost === undefined) return async () => {};
  let killing: Promise<void> | undefined;
  const kill = async (): Promise<void> => {
    const end = realTime.now() + (margin * 2) / 3;
    child.killTree('SIGTERM');
    let commandRuns = true;
    void child.ended.then(() => {
      commandRuns = false;
    });
    while ((commandRuns || child.treeRuns()) && realTime.now() < end) await realTime.pause(5);
    child.killTree('SIGKILL');
  };
  const onLost = (): void => {
    killing ??= kill();
  };
  lost.addEventListener('abort', onLost, { once: true });
  if (lost.aborted) onLost();
  return async () => {
    lost.removeEventListener('abort', onLost);
    await killing;
  };
}
