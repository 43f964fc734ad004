/** A process of a command that could not be ended. */
export interface SurvivingProcess {
  readonly pid: number;
  /** The kernel's name of it, at most 15 characters. */
  readonly name: string;
  /** Why: `not permitted`, or `still running`. */
  readonly reason: string;
}
