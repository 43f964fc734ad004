import { commandChannels, processState } from '@oslo-concurrency/core';
import type { Command } from '../command/command.js';
import type { RunObserver } from './run-command.js';

const counter = processState('processutils/command-ids', 1, () => ({ last: 0 }));

/** Tells the diagnostics channels and the command's own callbacks that it was started and that it ended. */
export function observeRun({ onExecute, onCompletion }: Command): RunObserver {
  counter.last += 1;
  const id = counter.last;
  return {
    started(running) {
      const { command, pid, attempt } = running;
      if (commandChannels.start.hasSubscribers) commandChannels.start.publish({ id, command, pid, attempt });
      return onExecute?.(running);
    },
    ended(running, { exitCode, signal }, durationMs) {
      const { command, pid, attempt } = running;
      if (commandChannels.end.hasSubscribers) {
        const how = {
          ...(exitCode === undefined || exitCode < 0 ? {} : { exitCode }),
          ...(signal === undefined ? {} : { signal }),
        };
        commandChannels.end.publish({ id, command, pid, attempt, durationMs, ...how });
      }
      return onCompletion?.(running);
    },
  };
}
