/** Who holds a lock, as the owner record or the kernel tells. For people and messages; no grant depends on it. */
export interface Holder {
  /** The process id as its own pid namespace sees it; `undefined` when only the kernel knows and does not tell. */
  readonly pid?: number;
  /** The command line, cut at 200 characters. */
  readonly command?: string;
  readonly host?: string;
  /** What the holder gave as `label`. */
  readonly label?: string;
  /** The number of holders its lock admits, when it asked by `permits`. */
  readonly permits?: number;
  /** When it was granted, by the holder's wall clock. */
  readonly since?: Date;
}
