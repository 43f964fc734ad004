import type { Holder } from '../../owner/holder.js';

/**
 * `pid 4242 (node deploy.js) on web1`. For several holders: the first one, and the number of the others. If the holder
 * has a label, it replaces the command.
 */
export function describeHolder(holders: readonly Holder[]): string {
  const [first, ...more] = holders;
  if (first === undefined) return 'unknown';
  const what = first.label ?? first.command;
  return [
    `pid ${first.pid ?? 'unknown'}`,
    ...(what === undefined ? [] : [`(${what})`]),
    ...(first.host === undefined ? [] : [`on ${first.host}`]),
    ...(more.length === 0 ? [] : [`and ${more.length} more`]),
  ].join(' ');
}
