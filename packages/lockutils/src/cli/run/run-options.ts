import type { PlaceOptions } from '../commands/options.js';

/** The options of `lockutils run`, as commander parses them. Times are milliseconds. */
export interface RunOptions extends PlaceOptions {
  readonly timeout?: number;
  readonly wait: boolean;
  readonly shared?: boolean;
  readonly fair?: boolean;
  readonly permits?: number;
  readonly prefix?: string;
  readonly label?: string;
  readonly conflictExitCode: number;
  readonly ifKilled?: 'kill' | 'hold' | 'leave';
  readonly quiet?: boolean;
  readonly lease?: string;
  readonly ttl: number;
}
