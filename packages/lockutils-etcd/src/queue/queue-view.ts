import type { KeyValue } from '../gateway/etcd-api.js';
import { farewellOf, permitsOf } from './owner-value.js';

/** What stands in the queue before a key. */
export interface View {
  /** Whether the key itself is still there. */
  readonly mine: boolean;
  /** The next one before it, unless that was given up. */
  readonly ahead: KeyValue | undefined;
  /** The first of all: the holder. */
  readonly first: KeyValue | undefined;
  /** The revision at which this was so. */
  readonly revision: string;
  /** How many of those before it must go at least, if that was counted. */
  readonly needed?: number;
  /**
   * Whether the key before it was given up and others are before that. As a rule they were, too. But where a name admits
   * several holders, an earlier one may go on; then all of them must be looked at.
   */
  readonly crowded?: boolean;
}

/** What stands before a key, by the one next to it and the first of all. */
export function ahead(
  next: KeyValue | undefined,
  first: KeyValue | undefined,
): { readonly ahead: KeyValue | undefined; readonly crowded: boolean } {
  if (farewellOf(next?.value) !== 'released') return { ahead: next, crowded: false };
  return { ahead: undefined, crowded: first !== undefined && first.key !== next?.key };
}

/**
 * How a request that admits `permits` holders stands behind the keys `before` it, given up ones included: `needed` is how
 * many of them must go at least before it is granted, 0 if none. A key before it holds or will hold earlier, so it counts.
 *
 * Why at most the smallest `permits` hold together: among them, look at the last that came. It was granted with all others
 * before it, when they and it were at most as many as the smallest `permits` among them; since then some may only have gone.
 */
export function standing(
  before: readonly KeyValue[],
  permits: number,
): { readonly needed: number; readonly last: KeyValue | undefined } {
  const there = before.filter(({ value }) => farewellOf(value) === undefined);
  const least = Math.min(permits, ...there.map(({ value }) => permitsOf(value)));
  if (there.length < least) return { needed: 0, last: undefined };
  // If another one's smaller number is in the way, its going alone may be enough.
  return { needed: Math.max(1, there.length - permits + 1), last: there.at(-1) };
}
