import { ConcurrencyError } from '@oslo-concurrency/core';

/** What all errors about one etcd endpoint have. */
export abstract class EtcdEndpointError extends ConcurrencyError {
  override readonly name: string = 'EtcdEndpointError';
  /** The endpoint as it was given. */
  readonly endpoint: string;
  /** Whether another endpoint of the cluster may well do what this one could not. */
  readonly tryElsewhere: boolean;
  /** Whether the request may have been carried out in spite of the error. */
  readonly maybeApplied: boolean;

  constructor(
    endpoint: string,
    problem: string,
    facts: { readonly tryElsewhere: boolean; readonly maybeApplied: boolean; readonly cause?: unknown },
  ) {
    super(`etcd at ${endpoint}: ${problem}`, { cause: facts.cause });
    this.endpoint = endpoint;
    this.tryElsewhere = facts.tryElsewhere;
    this.maybeApplied = facts.maybeApplied;
  }
}

/** No connection, or one that broke: refused, unknown host, reset. */
export class EtcdUnreachableError extends EtcdEndpointError {
  override readonly name: string = 'EtcdUnreachableError';
  readonly code = 'ERR_ETCD_UNREACHABLE';

  constructor(endpoint: string, what: string, maybeApplied: boolean, cause: unknown) {
    super(endpoint, `cannot be reached (${what}); is etcd running there, and is this its client URL, http or https?`, {
      tryElsewhere: true,
      maybeApplied,
      cause,
    });
  }
}

/** No answer in time: the server is overloaded, stopped or cut off, or the way to it is slow. */
export class EtcdTimeoutError extends EtcdEndpointError {
  override readonly name: string = 'EtcdTimeoutError';
  readonly code = 'ERR_ETCD_TIMEOUT';
  /** Milliseconds. */
  readonly timeout: number;

  constructor(endpoint: string, timeout: number) {
    super(endpoint, `no answer within ${timeout} ms; is the member alive and in contact with the others?`, {
      tryElsewhere: true,
      maybeApplied: true,
    });
    this.timeout = timeout;
  }
}

/** The connection is refused for its certificates: wrong authority, name or date, or a client certificate is wanted. */
export class EtcdTlsError extends EtcdEndpointError {
  override readonly name: string = 'EtcdTlsError';
  readonly code = 'ERR_ETCD_TLS';

  constructor(endpoint: string, what: string, maybeApplied: boolean, cause: unknown) {
    super(endpoint, `TLS failed (${what}); look at tls.ca, tls.cert, tls.key and the names in the certificate`, {
      tryElsewhere: true,
      maybeApplied,
      cause,
    });
  }
}

/** Something answers there, but not etcd's HTTP gateway. */
export class NotEtcdError extends EtcdEndpointError {
  override readonly name: string = 'NotEtcdError';
  readonly code = 'ERR_NOT_ETCD';

  constructor(endpoint: string, answer: string) {
    super(endpoint, `this is not etcd's HTTP gateway; it answered: ${answer.slice(0, 200)}`, {
      tryElsewhere: false,
      maybeApplied: false,
    });
  }
}

/** This etcd is older than 3.4, whose HTTP gateway speaks otherwise. */
export class EtcdTooOldError extends EtcdEndpointError {
  override readonly name: string = 'EtcdTooOldError';
  readonly code = 'ERR_ETCD_TOO_OLD';
  /** What it says it is: `3.3.25`. */
  readonly version: string;

  constructor(endpoint: string, version: string) {
    super(endpoint, `its version ${version} is too old, 3.4 or later is needed`, {
      tryElsewhere: false,
      maybeApplied: false,
    });
    this.version = version;
  }
}

/** This endpoint belongs to another cluster than the one before: two holders would meet in two places. */
export class EtcdClusterMismatchError extends EtcdEndpointError {
  override readonly name: string = 'EtcdClusterMismatchError';
  readonly code = 'ERR_ETCD_CLUSTER_MISMATCH';

  constructor(endpoint: string, expected: string, found: string) {
    super(endpoint, `it belongs to cluster ${found}, and the cluster that answered before is ${expected}`, {
      tryElsewhere: false,
      maybeApplied: true,
    });
  }
}

/** etcd does not accept the user, the password or the token, or the user lacks a permission. */
export class EtcdAuthError extends EtcdEndpointError {
  override readonly name: string = 'EtcdAuthError';
  readonly code = 'ERR_ETCD_AUTH';

  constructor(endpoint: string, message: string) {
    super(endpoint, `${message}; look at username, password and the user's roles on the prefix`, {
      tryElsewhere: false,
      maybeApplied: false,
    });
  }
}

/** The member has no leader, or the leader no majority: too many members are down or cut off. */
export class EtcdNoLeaderError extends EtcdEndpointError {
  override readonly name: string = 'EtcdNoLeaderError';
  readonly code = 'ERR_ETCD_NO_LEADER';

  constructor(endpoint: string, message: string, maybeApplied: boolean) {
    super(endpoint, `${message}; is a majority of the members running and in contact?`, {
      tryElsewhere: true,
      maybeApplied,
    });
  }
}

/** etcd refuses the request for another reason, such as a full database. */
export class EtcdRequestError extends EtcdEndpointError {
  override readonly name: string = 'EtcdRequestError';
  readonly code = 'ERR_ETCD_REQUEST';
  /** The status code of gRPC: 5 not found, 8 resource exhausted, 9 failed precondition... */
  readonly grpcCode: number;

  constructor(endpoint: string, grpcCode: number, message: string, advice?: string) {
    super(endpoint, `${message} (gRPC code ${grpcCode})${advice === undefined ? '' : `; ${advice}`}`, {
      tryElsewhere: false,
      maybeApplied: false,
    });
    this.grpcCode = grpcCode;
  }
}

/**
 * This process asks for more leases at once than it gets answered: the lease could not even be asked for in time.
 * Nothing was sent, so nothing is left in etcd. The leases that are held are renewed first. oslo has no counterpart.
 */
export class EtcdBusyError extends ConcurrencyError {
  override readonly name: string = 'EtcdBusyError';
  readonly code = 'ERR_ETCD_BUSY';
  /** How many more wait in this process. */
  readonly waiting: number;
  /** Milliseconds. */
  readonly timeout: number;

  constructor(waiting: number, timeout: number) {
    super(
      `This process could not ask etcd for the lease within ${timeout} ms, because it is busy with its other leases ` +
        `(${waiting} more wait); ask for fewer at once, or choose a longer ttl`,
    );
    this.waiting = waiting;
    this.timeout = timeout;
  }
}

/** None of several endpoints could do it. `failures` has the error of each, the last as `cause`. */
export class EtcdUnavailableError extends ConcurrencyError {
  override readonly name: string = 'EtcdUnavailableError';
  readonly code = 'ERR_ETCD_UNAVAILABLE';
  readonly failures: readonly EtcdEndpointError[];
  /** Whether the request may have been carried out in spite of the error. */
  readonly maybeApplied: boolean;

  constructor(failures: readonly EtcdEndpointError[]) {
    super(`No endpoint of the etcd cluster answers: ${failures.map((failure) => failure.message).join(' | ')}`, {
      cause: failures.at(-1),
    });
    this.failures = failures;
    this.maybeApplied = failures.some((failure) => failure.maybeApplied);
  }
}

/** The driver was closed. */
export class EtcdClosedError extends ConcurrencyError {
  override readonly name: string = 'EtcdClosedError';
  readonly code = 'ERR_ETCD_CLOSED';

  constructor() {
    super('The etcd lease driver was closed');
  }
}

/** A fenced write was refused, because the lease does not exist any more. Nothing was written. */
export class FencedOutError extends ConcurrencyError {
  override readonly name: string = 'FencedOutError';
  readonly code = 'ERR_FENCED_OUT';
  readonly leaseName: string;
  readonly fencingToken: bigint;

  constructor(leaseName: string, fencingToken: bigint) {
    super(`Nothing was written: the lease ${leaseName} (token ${fencingToken}) does not exist any more`);
    this.leaseName = leaseName;
    this.fencingToken = fencingToken;
  }
}

/** The answer to a fenced write did not come. It was written wholly or not at all; read to find out which. */
export class FencedWriteUnknownError extends ConcurrencyError {
  override readonly name: string = 'FencedWriteUnknownError';
  readonly code = 'ERR_FENCED_WRITE_UNKNOWN';
  readonly leaseName: string;
  readonly fencingToken: bigint;

  constructor(leaseName: string, fencingToken: bigint, cause: unknown) {
    super(`It is not known whether the write under the lease ${leaseName} was made: ${(cause as Error).message}`, {
      cause,
    });
    this.leaseName = leaseName;
    this.fencingToken = fencingToken;
  }
}
