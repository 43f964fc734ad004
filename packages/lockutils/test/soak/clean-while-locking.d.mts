/** What to run; see `cleanWhileLocking`. */
export interface CleaningPlan {
  readonly processes: number;
  readonly names: number;
  readonly seconds: number;
  readonly seed?: number;
  readonly cleaner?: 'ours' | 'without holding';
  readonly locks?: 'ours' | 'without inode check';
  readonly enough?: { readonly grants: number; readonly removed: number };
  readonly untilOverlap?: boolean;
}

/** What was found; after `untilOverlap` only the first three. */
export interface CleaningResult {
  readonly seed: number;
  readonly overlaps: readonly string[];
  readonly errors: readonly string[];
  readonly grants: number;
  readonly removed: number;
  readonly sweeps: number;
  readonly mostFiles: number;
  readonly mostHiddenFiles: number;
  readonly openDescriptors: number;
  readonly stillUsed: number;
  readonly left: number;
}

export function cleanWhileLocking(plan: CleaningPlan): Promise<CleaningResult>;
export function faultsIn(result: CleaningResult, plan: { readonly names: number }): string[];
