import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { type CgroupQuota, cgroupQuotas, tightestOf } from './limits/cgroup-quota.js';

/** Where the figure of {@link getWorkerCount} comes from. */
export interface WorkerCountExplanation {
  /** The count. */
  readonly count: number;
  /** The processors this process may run on: its affinity, as `taskset` sets it. */
  readonly affinity: number;
  /** The processors of the machine. */
  readonly processors: number;
  /** The processor time that control groups grant, in processors; one entry for each group that has a quota. */
  readonly quotas: readonly CgroupQuota[];
  /** The sentence for a log. */
  readonly reason: string;
}

/**
 * How many workers this process can keep busy: the processors on which it may run, or fewer if a control group (the CPU limit
 * of a container) grants less time, rounded down; at least 1.
 *
 * Each call checks again. oslo's counterpart, `get_worker_count`, counts the processors of the machine whatever the limits.
 *
 * @param options - `explain`: whether to return where the number comes from too. The default is `false`.
 */
export function getWorkerCount(options?: { readonly explain?: false }): number;
export function getWorkerCount(options: { readonly explain: true }): WorkerCountExplanation;
export function getWorkerCount({
  explain = false,
}: {
  readonly explain?: boolean;
} = {}): number | WorkerCountExplanation {
  const affinity = affinityCount();
  const quotas = cgroupQuotas('/');
  const tightest = tightestOf(quotas);
  const granted = tightest === undefined ? affinity : Math.min(affinity, Math.floor(tightest.processors));
  const count = Math.max(1, granted);
  if (!explain) return count;
  const limited = tightest !== undefined && tightest.processors < affinity;
  const reason = limited
    ? `${count}: the control group ${tightest.group} grants ${tightest.processors} processors (${tightest.file})`
    : `${count}: the affinity of this process allows ${affinity} of ${cpus().length} processors`;
  return { count, affinity, processors: cpus().length, quotas, reason };
}

function affinityCount(): number {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (list !== undefined) return countOf(list);
  } catch {
    // No /proc: Node asks the system itself.
  }
  return availableParallelism();
}

/** The number of processors in a list such as `0-3,8`. */
function countOf(list: string): number {
  return list.split(',').reduce((sum, range) => {
    const [first, last = first] = range.split('-').map(Number);
    return sum + (last ?? 0) - (first ?? 0) + 1;
  }, 0);
}
