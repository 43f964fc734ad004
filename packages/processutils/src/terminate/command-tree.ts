/** A process of a command that could not be ended. */
export interface SurvivingProcess {
  /** 0 when it is not known whether there is one. */
  readonly pid: number;
  /** The kernel's name of it, at most 15 characters; `unknown` when it is not known whether there is one. */
  readonly name: string;
  /** Why: `not permitted`, `hangs in the kernel` or `still running`; or why it is not known. */
  readonly reason: string;
}

/** The processes of one command: how to recognise them. */
export interface CommandTree {
  /** The process that was started; absent while it is being started. */
  readonly root?: {
    readonly pid: number;
    readonly start: number;
    /** Only on Windows, where it is not known when it started, but that this was between `start` and here: ms since 1970. */
    readonly startedBy?: number;
  };
  /** Whether the root leads a session and process group of its own. */
  readonly ownGroup: boolean;
  /** The id of the mark they carry, when they were given one. */
  readonly mark: string | undefined;
  /** What asks them to end, before SIGKILL; SIGTERM when absent. */
  readonly killSignal?: NodeJS.Signals;
}

/** How a tree was ended. */
export interface Ending {
  /** The last signal that was needed. */
  readonly endedBy: NodeJS.Signals;
  readonly remaining: readonly SurvivingProcess[];
}

/** Signals processes that this user may not signal; `sudo kill`, in effect. */
export type PrivilegedSignal = (pids: readonly number[], signal: NodeJS.Signals) => Promise<void>;
