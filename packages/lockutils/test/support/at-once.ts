import type { LockRequest } from '@oslo-concurrency/lockutils';

/** `Grant` of a driver that answers without promises. */
export interface GrantAtOnce {
  readonly previousOwnerDied: boolean;
  release(options?: { readonly remove?: boolean; readonly unused?: boolean; readonly next?: boolean }): void;
  downgrade?(): void;
  upgrade?(): UpgradeAtOnce | undefined;
  refresh?(keepYoung: boolean): boolean;
}

/** `Upgrade` of such a driver. */
export interface UpgradeAtOnce {
  attempt(): boolean;
  end(): void;
}

/** `Place` of such a driver. */
export interface PlaceAtOnce {
  readonly ticket: number;
  isFirst(): boolean;
  isFar?(): boolean;
  onTurn(wake: () => void): () => void;
  ask(): boolean;
  leave(): void;
}

export type Mode = Pick<LockRequest, 'shared' | 'permits'>;
export const alone: Mode = { shared: false, permits: undefined };
export const reader: Mode = { shared: true, permits: undefined };
export const permit: Mode = { shared: false, permits: 2 };

export function requestFor(path: string, mode: Mode = alone): LockRequest {
  return { name: 'x', path, label: undefined, ...mode };
}
