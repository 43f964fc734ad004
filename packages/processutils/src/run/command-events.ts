import { basename } from 'node:path';
import { type CommandEvent, commandChannels, processState, realTime } from '@oslo-concurrency/core';
import type { Command } from '../command/command.js';
import type { RunObserver } from './outcome.js';

const counter = processState('processutils/command-ids', 1, () => ({ last: 0 }));

/**
 * Reports to the diagnostics channels and the command's own callbacks that an attempt was started or could not be started,
 * and that it ended.
 */
export function observeRun(command: Command, attempt: number): RunObserver {
  const { onExecute, onCompletion, accepts } = command;
  counter.last += 1;
  const id = counter.last;
  const begun = realTime.now();
  let started = false;
  const publish = (what: keyof typeof commandChannels, more: Partial<CommandEvent>): void => {
    if (!commandChannels[what].hasSubscribers) return;
    const program = basename(command.shell ?? command.mask(command.file));
    const event: CommandEvent = { id, command: command.shown, program, attempt };
    commandChannels[what].publish({ ...event, ...more });
  };
  return {
    started(running) {
      started = true;
      publish('start', { pid: running.pid });
      return onExecute?.(running);
    },
    ended(running, { exitCode, signal }, durationMs, stopped) {
      const failed = stopped ?? (exitCode === undefined || accepts(exitCode) ? undefined : 'exit');
      publish('end', {
        pid: running.pid,
        durationMs,
        ...(exitCode === undefined || exitCode < 0 ? {} : { exitCode }),
        ...(signal === undefined ? {} : { signal }),
        ...(failed === undefined ? {} : { failed }),
      });
      return onCompletion?.(running);
    },
    notStarted(error) {
      if (!started) publish('fail', { durationMs: realTime.now() - begun, detail: error });
    },
  };
}
