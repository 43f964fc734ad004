import type { RunningChild } from './child-command.js';
import type { Claim } from './claim.js';

/**
 * Ends the command when its claim is lost: SIGTERM to it and its descendants at once, SIGKILL after two thirds of the
 * margin, so that it has ended before somebody else can hold the lease. Returns how to stop watching.
 *
 * A descendant that has left its parent, or a machine that stands still, is beyond this; the fencing token is not.
 */
export function endWhenLost({ lost, margin = 0 }: Claim, child: RunningChild): () => void {
  if (lost === undefined) return () => {};
  let timer: NodeJS.Timeout | undefined;
  const onLost = (): void => {
    child.killTree('SIGTERM');
    timer = setTimeout(() => child.killTree('SIGKILL'), (margin * 2) / 3);
  };
  lost.addEventListener('abort', onLost, { once: true });
  if (lost.aborted) onLost();
  return () => {
    clearTimeout(timer);
    lost.removeEventListener('abort', onLost);
  };
}
