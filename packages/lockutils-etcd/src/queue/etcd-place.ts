import { realTime } from '@oslo-concurrency/core';
import type { LeaseRequest } from '@oslo-concurrency/lockutils';
import type { PlaceContext, PlaceView, QueuePlace } from '@oslo-concurrency/lockutils/drivers';
import type { KeyValue } from '../gateway/etcd-api.js';
import type { Gateway } from '../gateway/gateway.js';
import type { Member } from '../gateway/member.js';
import { pause } from '../gateway/stop-after.js';
import { EtcdGrant } from './etcd-grant.js';
import { newLeaseId, revokeLease } from './etcd-lease.js';
import { type KeyFate, watchKey, watchQueue } from './key-watch.js';
import { farewellOf, holderOf } from './owner-value.js';
import { QueueKey } from './queue-key.js';
import type { View } from './queue-view.js';
import { keepEvery, keeping, limitFor, stayBack } from './request-times.js';

/** A watch on what stands ahead. */
interface Watch {
  readonly ahead: KeyValue;
  readonly member: Member;
  readonly stop: AbortController;
  /** What became of it. Never rejects. */
  readonly fate: Promise<KeyFate>;
  settled: boolean;
}

/**
 * One call's place in the queue of etcd. It waits by a watch on the key before it only: no polling, and one release wakes
 * one waiter. A request that admits several holders watches the whole queue, counts what goes, and looks when enough has
 * gone.
 */
export class EtcdPlace implements QueuePlace<EtcdGrant> {
  readonly #gateway: Gateway;
  readonly #queue: string;
  readonly #record: string;
  readonly #request: LeaseRequest;
  readonly #context: PlaceContext;
  readonly #lease = newLeaseId();
  #sent = false;
  #key: QueueKey | undefined;
  #watch: Watch | undefined;
  #keptAt = realTime.now();

  constructor(
    gateway: Gateway,
    keys: { readonly queue: string; readonly record: string },
    request: LeaseRequest,
    context: PlaceContext,
  ) {
    this.#gateway = gateway;
    this.#queue = keys.queue;
    this.#record = keys.record;
    this.#request = request;
    this.#context = context;
  }

  get validUntil(): number {
    return this.#key?.validUntil ?? Number.NEGATIVE_INFINITY;
  }

  async join(signal: AbortSignal): Promise<PlaceView<EtcdGrant>> {
    // One limit for the turn and the requests together: the call settles within it.
    const { until } = limitFor(this.#request);
    const enter = () => {
      this.#sent = true;
      return QueueKey.join(this.#gateway, this.#queue, this.#request, this.#lease, { until, signal });
    };
    const patience = until - realTime.now();
    const turn = { signal: this.#context.caller, patience };
    const { place: key, view } = await this.#gateway.turnstile.pass('join', enter, turn);
    this.#key = key;
    this.#keptAt = realTime.now();
    // All places were lost, so perhaps that of a living holder too.
    if (this.#context.again) await pause(stayBack, signal);
    if (this.#request.permits > 1 || view.crowded) return this.look(signal);
    if (view.ahead === undefined) return this.#context.again ? this.#provenGrant(key, signal) : this.#granted(key);
    const left = farewellOf(view.ahead.value) !== undefined && (await key.isFirst({ until, signal }));
    return left ? this.#granted(key) : this.#waitBehind(key, view, view.ahead);
  }

  async look(signal: AbortSignal): Promise<PlaceView<EtcdGrant>> {
    const key = this.#key;
    if (key === undefined) return { state: 'gone' };
    if (realTime.now() - this.#keptAt > keepEvery(this.#request.ttl) * 0.9) {
      if (!(await this.#keep(key, signal))) return { state: 'gone' };
    }
    const settings = keeping(this.#gateway, this.#request, key.validUntil, signal);
    let view = this.#request.permits > 1 ? await key.lookAtAll(settings) : await key.look(settings);
    if (view.crowded) view = await key.lookAtAll(settings);
    if (!view.mine) return { state: 'gone' };
    const watched = this.#watch;
    const fate = watched !== undefined && watched.ahead.key !== view.ahead?.key ? await fateOf(watched) : undefined;
    if (view.ahead !== undefined) return this.#waitBehind(key, view, view.ahead);
    const wentUnsaid = (fate === 'deleted' || fate === 'broken') && watched !== undefined && isOurs(watched.ahead);
    if (wentUnsaid) await pause(stayBack, signal);
    return this.#provenGrant(key, signal);
  }

  async changed(signal: AbortSignal): Promise<unknown> {
    const fate = this.#watch?.fate ?? Promise.resolve('broken' as const);
    const news = await unlessAborted(fate, signal);
    if (news === 'broken') await pause(50, signal);
    return news;
  }

  async leave(signal: AbortSignal): Promise<unknown> {
    this.#stopWatch();
    if (this.#key !== undefined) return this.#key.leave(signal);
    if (!this.#sent) return undefined;
    return revokeLease(this.#gateway, this.#lease.toString(), { ...limitFor(this.#request), signal });
  }

  /** The turn has come. Whether the lease itself is still there is proven before it is granted. */
  async #provenGrant(key: QueueKey, signal: AbortSignal): Promise<PlaceView<EtcdGrant>> {
    return (await this.#keep(key, signal)) ? this.#granted(key) : { state: 'gone' };
  }

  #granted(key: QueueKey): PlaceView<EtcdGrant> {
    this.#stopWatch();
    return { state: 'granted', grant: new EtcdGrant(this.#gateway, key, this.#request, this.#record) };
  }

  async #keep(key: QueueKey, signal: AbortSignal): Promise<boolean> {
    const kept = await key.renew(keeping(this.#gateway, this.#request, key.validUntil, signal));
    this.#keptAt = realTime.now();
    return kept;
  }

  #waitBehind(key: QueueKey, view: View, ahead: KeyValue): PlaceView<EtcdGrant> {
    const { current } = this.#gateway;
    // A member that does not answer a keepalive would not report a deleted key either.
    const watch = this.#watch;
    const goesOn = watch !== undefined && !watch.settled && watch.ahead.key === ahead.key && watch.member === current;
    if (!goesOn || this.#request.permits > 1) this.#watchFrom(key, view, ahead);
    return { state: 'waiting', holders: view.first === undefined ? [] : [holderOf(view.first.value)] };
  }

  #watchFrom(key: QueueKey, view: View, ahead: KeyValue): void {
    this.#stopWatch();
    const stop = new AbortController();
    const revision = BigInt(view.revision) + 1n;
    const name = Buffer.from(ahead.key, 'base64').toString();
    const fate =
      view.needed === undefined
        ? watchKey(this.#gateway, name, revision, stop.signal, farewellOf(ahead.value))
        : watchQueue(this.#gateway, this.#queue, key.revision, { revision, needed: view.needed }, stop.signal);
    const watch: Watch = { ahead, member: this.#gateway.current, stop, fate, settled: false };
    void fate.then(() => {
      watch.settled = true;
    });
    this.#watch = watch;
  }

  #stopWatch(): void {
    this.#watch?.stop.abort();
    this.#watch = undefined;
  }
}

/**
 * What became of a key that is gone. The stream may be about to report it, and knows more: whether the key was given up or just
 * went. But it may also report nothing: a connection can die without a sign.
 */
async function fateOf({ fate }: Watch): Promise<KeyFate> {
  const stop = new AbortController();
  const late = pause(100, stop.signal).then(() => 'broken' as const);
  try {
    return await Promise.race([fate, late]);
  } finally {
    stop.abort();
    late.catch(() => {});
  }
}

function isOurs(ahead: KeyValue): boolean {
  return holderOf(ahead.value).pid !== undefined;
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
