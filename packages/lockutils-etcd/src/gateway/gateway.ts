import { isConcurrencyError, realTime } from '@oslo-concurrency/core';
import { EtcdAuthError, EtcdClosedError, type EtcdEndpointError, EtcdUnavailableError } from '../etcd-errors.js';
import { Member, type RequestSettings } from './member.js';
import { pause } from './stop-after.js';
import { type EtcdTls, type Transport, transportFor } from './transport.js';
import { Turnstile } from './turnstile.js';

/** Where the cluster is, and as what user this process signs in. */
export interface GatewayOptions {
  /** At least one URL, without a path. */
  readonly endpoints: readonly string[];
  readonly tls: EtcdTls | undefined;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  /** Milliseconds for one request to one endpoint. */
  readonly requestTimeout: number;
}

/** How an attempt is made. */
export interface AttemptSettings {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for one request, when that is to be less than `requestTimeout`. */
  readonly timeout?: number;
  /** The moment of `realTime.now()` by which the attempt has ended, whatever the members do. */
  readonly until?: number | undefined;
  /** The requests must not be carried out twice: no second try when the first may have been. */
  readonly once?: boolean;
}

// A guess: with some dozens under way a process has answers to read all the time.
const mostUnderWay = 64;

/** The cluster: requests go to one endpoint for as long as that answers, then to the next. */
export class Gateway {
  /** Begins renewals before new leases, and few enough of both at once. */
  readonly turnstile = new Turnstile(mostUnderWay);
  readonly #members: readonly Member[];
  readonly #transport: Transport;
  readonly #options: GatewayOptions;
  #current = 0;
  #latency = 0;
  #token: Promise<string | undefined> | undefined;
  #closed = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const transport = transportFor(options.tls);
    this.#transport = transport;
    const cluster = {};
    this.#members = options.endpoints.map((endpoint) => new Member(endpoint, transport, cluster));
  }

  /** The member that is asked now. */
  get current(): Member {
    return this.#members[this.#current % this.#members.length] as Member;
  }

  /** Makes one request, at the next endpoints too if need be. */
  call<Response>(path: string, body: object, settings: AttemptSettings = {}): Promise<Response> {
    return this.attempt((member, request) => member.call<Response>(path, body, request), settings);
  }

  /**
   * Runs `requests` at the current endpoint and, when that fails for reasons of its own, at each of the others.
   *
   * A connection that broke is tried once more at the same endpoint: it may have been an old one, kept from before the
   * server was restarted. A token that has expired is renewed once. Members that live and have no leader at the moment
   * are asked again for `requestTimeout`, which an election is shorter than.
   * @throws the error of the only endpoint, or EtcdUnavailableError with those of all.
   */
  async attempt<T>(
    requests: (member: Member, settings: RequestSettings) => Promise<T>,
    {
      signal,
      timeout = this.#options.requestTimeout,
      until = Number.POSITIVE_INFINITY,
      once = false,
    }: AttemptSettings = {},
  ): Promise<T> {
    const failures: EtcdEndpointError[] = [];
    let authenticatedAgain = false;
    let again: Member | undefined;
    const most = this.#members.length;
    const end = Math.min(until, realTime.now() + this.#options.requestTimeout);
    for (;;) {
      if (this.#closed) throw new EtcdClosedError();
      signal?.throwIfAborted();
      const member = this.current;
      // Each member that has not been asked yet gets its part of a limited time.
      const part = Math.max(10, (until - realTime.now()) / (most - failures.length));
      const request = { timeout: Math.min(timeout, this.#options.requestTimeout, part), signal };
      let token: string | undefined;
      try {
        token = await this.#authenticated(member, request);
        const begun = realTime.now();
        const answer = await requests(member, { ...request, token });
        this.#latency = Math.max(realTime.now() - begun, this.#latency * 0.9);
        return answer;
      } catch (error) {
        if (!isEndpointError(error)) throw error;
        if (error instanceof EtcdAuthError && this.#options.credentials !== undefined && !authenticatedAgain) {
          authenticatedAgain = true;
          this.#token = undefined;
          continue;
        }
        if (!error.tryElsewhere || (once && error.maybeApplied)) throw error;
        if (error.code === 'ERR_ETCD_UNREACHABLE' && error.maybeApplied && again !== member && realTime.now() < until) {
          again = member;
          continue;
        }
        failures.push(error);
        this.moveOn(member);
      }
      if (failures.length < most) continue;
      const electing = failures.some(({ code }) => code === 'ERR_ETCD_NO_LEADER');
      if (!electing || realTime.now() > end) {
        throw failures.length === 1 ? failures[0] : new EtcdUnavailableError([...failures]);
      }
      failures.length = 0;
      await pause(50, signal);
    }
  }

  /** Goes to the next endpoint, unless somebody else has left `member` meanwhile. */
  moveOn(member: Member): void {
    if (this.current === member) this.#current = (this.#current + 1) % this.#members.length;
  }

  /** The token of the session; for requests that are not made by `attempt`. */
  async token(signal: AbortSignal): Promise<string | undefined> {
    return this.#authenticated(this.current, { timeout: this.#options.requestTimeout, signal });
  }

  /** How long answers took of late, in milliseconds: the slowest, fading. */
  get latency(): number {
    return this.#latency;
  }

  get requestTimeout(): number {
    return this.#options.requestTimeout;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#transport.close();
  }

  #authenticated(member: Member, { timeout }: RequestSettings): Promise<string | undefined> {
    const { credentials } = this.#options;
    if (credentials === undefined) return Promise.resolve(undefined);
    this.#token ??= member
      .call<{ token: string }>(
        '/v3/auth/authenticate',
        { name: credentials.username, password: credentials.password },
        { timeout },
      )
      .then(
        ({ token }) => token,
        (error: unknown) => {
          this.#token = undefined;
          // As etcd's own clients do: a cluster whose authentication is not switched on yet takes everybody.
          if (isConcurrencyError(error) && /authentication is not enabled/.test(error.message)) return undefined;
          throw error;
        },
      );
    return this.#token;
  }
}

function isEndpointError(error: unknown): error is EtcdEndpointError {
  return isConcurrencyError(error) && 'tryElsewhere' in error;
}
