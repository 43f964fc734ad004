/** The lock or lease that is held while a command runs. */
export interface Claim {
  /** Added to the environment of the command. */
  readonly env: { readonly [name: string]: string };
  /** The descriptors of the lock that the command inherits; usually none (G17). */
  readonly descriptors: readonly number[];
  /** Aborts if the claim ends before its release. A lock never ends like that. */
  readonly lost?: AbortSignal;
  /** Milliseconds from `lost` until another holder can be granted the claim. */
  readonly margin?: number;
  /** Releases it. Rejects with `ERR_LEASE_LOST` if it had ended before. */
  release(): Promise<void>;
}
