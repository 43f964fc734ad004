import type { RunningCommand } from '../command/command.js';
import type { ExtraStreams } from '../command/extra-descriptors.js';
import type { LineOrder } from '../output/line-order.js';
import type { OutputCapture } from '../output/output-capture.js';
import type { Ending } from '../terminate/command-tree.js';
import type { StopReason } from './stop-request.js';

/** How one run of a command ended. */
export interface Outcome {
  readonly pid: number;
  /** `-n` when signal n ended it; `undefined` when it could not be ended. */
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: OutputCapture;
  readonly stderr: OutputCapture;
  /** In which order the lines of the two came, when that was asked for. */
  readonly order: LineOrder | undefined;
  readonly extra: ExtraStreams;
  readonly durationMs: number;
  /** Why and how it was ended, when it did not end by itself. */
  readonly stopped:
    | {
        readonly reason: StopReason;
        readonly endedBy: Ending['endedBy'] | undefined;
        readonly remaining: Ending['remaining'];
      }
    | undefined;
}

/** How the process of a command ended. */
export type Exit = Pick<Outcome, 'exitCode' | 'signal'>;

/**
 * Is called at the start and the end of a command. Returns what the user's function returned, which may be a promise.
 * `stopped`: why the command was ended. `notStarted` is called instead of both, with the error.
 */
export interface RunObserver {
  started(running: RunningCommand): unknown;
  ended(running: RunningCommand, exit: Exit, durationMs: number, stopped: StopReason['why'] | undefined): unknown;
  notStarted(error: unknown): void;
}
