/** What a command is run under: a lock or a lease that is held. */
export interface Claim {
  /** Put into the environment of the command. */
  readonly env: { readonly [name: string]: string };
  /** What the command is to inherit of the lock; usually nothing (G17). */
  readonly descriptors: readonly number[];
  /** Aborts when the claim ends before its release. A lock never does. */
  readonly lost?: AbortSignal;
  /** Milliseconds from `lost` until somebody else can have it. */
  readonly margin?: number;
  /** Gives it back. Rejects with `ERR_LEASE_LOST` when it had ended before. */
  release(): Promise<void>;
}
