/**
 * The holder of a lock, as the owner record or the kernel reports it. For people and messages; no grant depends on it.
 */
export interface Holder {
  /**
   * The process id in the holder's own pid namespace; `undefined` if only the kernel knows the holder and does not
   * report it.
   */
  readonly pid?: number;
  /** The command line, cut at 200 characters. */
  readonly command?: string;
  readonly host?: string;
  /** The holder's `label` option. */
  readonly label?: string;
  /** The holder's `permits` option: the number of holders its lock admits. */
  readonly permits?: number;
  /** When the lock was granted, by the holder's wall clock. */
  readonly since?: Date;
}
