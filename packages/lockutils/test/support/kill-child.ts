import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Kills a child, unless it has ended, and waits until it is gone: until then it may write where all is to be removed. */
export async function killChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
