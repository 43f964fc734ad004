/**
 * How long before its end a lease of `ttl` ms is given up by its holder: a tenth of it, at least 100 ms.
 *
 * Why that is enough: the end is counted from before the request was sent, so network and server delays are on the safe
 * side already. What is left is (1) the difference in rate between two machines' clocks, some 0.05 % for bad quartz,
 * a few per cent for a clock being slewed; (2) the 50 ms that the lease clock may overlook; (3) the time between
 * the abort and the last effect of code that obeys it.
 */
export function leaseMargin(ttl: number): number {
  return Math.max(100, ttl / 10);
}
