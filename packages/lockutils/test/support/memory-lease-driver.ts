import type { LeaseDriver, LeaseEnd, LeaseGrant, LeaseRequest } from '../../src/index.js';

/** A lease server in the memory of the test, whose answers the test can hold back or spoil. */
export class MemoryLeaseDriver implements LeaseDriver {
  readonly kind = 'lease';
  readonly name = 'memory';
  readonly pollEvery = 20;
  /** Who has a name, and until when by the clock of the request. */
  readonly held = new Map<string, { readonly token: bigint; validUntil: number }>();
  /** Awaited between sending and answering a request. */
  onTheWay: (what: 'acquire' | 'renew' | 'release') => Promise<void> = async () => {};
  renewals = 0;
  releases = 0;
  readonly #reports = new Map<string, (reason: LeaseEnd) => void>();
  #tokens = 0n;

  async tryAcquire(request: LeaseRequest): Promise<LeaseGrant | undefined> {
    const { name, ttl } = request;
    const since = request.now();
    const current = this.held.get(name);
    if (current !== undefined && request.now() < current.validUntil) return undefined;
    const entry = { token: ++this.#tokens, validUntil: since + ttl };
    this.held.set(name, entry);
    await this.onTheWay('acquire');
    const isMine = (): boolean => this.held.get(name) === entry && request.now() < entry.validUntil;
    return {
      token: entry.token,
      validUntil: entry.validUntil,
      renew: async () => {
        this.renewals++;
        const begun = request.now();
        await this.onTheWay('renew');
        if (!isMine()) return undefined;
        entry.validUntil = begun + ttl;
        return entry.validUntil;
      },
      release: async () => {
        this.releases++;
        await this.onTheWay('release');
        const mine = isMine();
        if (mine) this.held.delete(name);
        return mine;
      },
      onLost: (report) => {
        this.#reports.set(name, report);
        return () => this.#reports.delete(name);
      },
    };
  }

  async holders(name: string): Promise<readonly { pid: number }[]> {
    return this.held.has(name) ? [{ pid: 4242 }] : [];
  }

  /** The server ends the lease under its holder, and tells it. */
  revoke(name: string, reason: LeaseEnd = 'gone'): void {
    this.held.delete(name);
    this.#reports.get(name)?.(reason);
  }

  get listeners(): number {
    return this.#reports.size;
  }
}
