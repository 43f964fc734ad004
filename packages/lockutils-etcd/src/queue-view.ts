import type { KeyValue } from './gateway/etcd-api.js';

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
}
