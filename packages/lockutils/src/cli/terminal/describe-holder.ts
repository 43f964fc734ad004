import type { Holder } from '../../owner/holder.js';

/** `pid 4242 (node deploy.js) on web1`; of several the first, and how many more. The label stands for the command. */
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

/** The text without the characters by which it could steer a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
