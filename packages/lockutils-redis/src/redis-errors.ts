import { ConcurrencyError } from '@oslo-concurrency/core';

/** What is known of a failure. */
export interface RedisFailureFacts {
  /** Whether the next try may well succeed: the server or the way to it may come back by itself. */
  readonly passing: boolean;
  /** Whether the step may have been carried out in spite of the error. */
  readonly maybeApplied: boolean;
  readonly cause?: unknown;
}

/** What all errors about a Redis or Valkey server have. */
export abstract class RedisEndpointError extends ConcurrencyError {
  override readonly name: string = 'RedisEndpointError';
  /** The engine that failed. */
  readonly engine = 'redis';
  /** Host and port, or the path of the socket; never a password. */
  readonly endpoint: string;
  /** Whether the next try may well succeed: the server or the way to it may come back by itself. */
  readonly passing: boolean;
  /** Whether the step may have been carried out in spite of the error. */
  readonly maybeApplied: boolean;

  constructor(endpoint: string, problem: string, facts: RedisFailureFacts) {
    super(`redis at ${endpoint}: ${problem}`, { cause: facts.cause });
    this.endpoint = endpoint;
    this.passing = facts.passing;
    this.maybeApplied = facts.maybeApplied;
  }
}

/** No connection, or one that broke: refused, unknown host, reset. */
export class RedisUnreachableError extends RedisEndpointError {
  override readonly name: string = 'RedisUnreachableError';
  readonly code = 'ERR_REDIS_UNREACHABLE';

  constructor(endpoint: string, what: string, maybeApplied: boolean, cause: unknown) {
    super(endpoint, `cannot be reached (${what}); is the server running there?`, {
      passing: true,
      maybeApplied,
      cause,
    });
  }
}

/** No answer in time: the server is overloaded, stopped or cut off, or the way to it is slow. */
export class RedisTimeoutError extends RedisEndpointError {
  override readonly name: string = 'RedisTimeoutError';
  readonly code = 'ERR_REDIS_TIMEOUT';
  /** Milliseconds. */
  readonly timeout: number;

  /** `sent`: whether the connection stood and the step was sent. `secure`: whether TLS was asked for. */
  constructor(
    endpoint: string,
    timeout: number,
    { sent, secure, cause }: { sent: boolean; secure: boolean; cause?: unknown },
  ) {
    const waited = `no ${sent ? 'answer' : 'connection'} within ${Math.round(timeout)} ms`;
    const advice = secure && !sent ? 'does it speak TLS at this port, is it alive' : 'is the server alive';
    super(endpoint, `${waited}; ${advice}, and the way to it open?`, { passing: true, maybeApplied: sent, cause });
    this.timeout = timeout;
  }
}

/** The connection is refused for its certificates: wrong authority, name or date, or one side speaks no TLS. */
export class RedisTlsError extends RedisEndpointError {
  override readonly name: string = 'RedisTlsError';
  readonly code = 'ERR_REDIS_TLS';

  constructor(endpoint: string, what: string, cause: unknown) {
    super(endpoint, `TLS failed (${what}); look at the certificates, and at rediss:// in place of redis://`, {
      passing: false,
      maybeApplied: false,
      cause,
    });
  }
}

/** The server does not accept the user or the password, wants one, or the user lacks a permission. */
export class RedisAuthError extends RedisEndpointError {
  override readonly name: string = 'RedisAuthError';
  readonly code = 'ERR_REDIS_AUTH';

  constructor(endpoint: string, answer: string, cause: unknown) {
    super(endpoint, `${answer}; look at user, password and the user's permissions on the keys and channels`, {
      passing: false,
      maybeApplied: false,
      cause,
    });
  }
}

/** This server is a replica. It takes no writes, and a lease that it knows of may be over at its master. */
export class RedisReadOnlyError extends RedisEndpointError {
  override readonly name: string = 'RedisReadOnlyError';
  readonly code = 'ERR_REDIS_READ_ONLY';

  constructor(endpoint: string, answer: string, cause: unknown) {
    super(endpoint, `it is a read-only replica (${answer}); connect to its master, by Sentinel or the cluster client`, {
      passing: true,
      maybeApplied: false,
      cause,
    });
  }
}

/** The server has reached `maxmemory` and refuses what needs memory. Renewals and releases still work. */
export class RedisOutOfMemoryError extends RedisEndpointError {
  override readonly name: string = 'RedisOutOfMemoryError';
  readonly code = 'ERR_REDIS_OUT_OF_MEMORY';

  constructor(endpoint: string, answer: string, cause: unknown) {
    super(endpoint, `it is out of memory (${answer}); raise maxmemory, or remove data`, {
      passing: true,
      maybeApplied: false,
      cause,
    });
  }
}

/** The server has as many connections as it takes. */
export class RedisMaxClientsError extends RedisEndpointError {
  override readonly name: string = 'RedisMaxClientsError';
  readonly code = 'ERR_REDIS_MAX_CLIENTS';

  constructor(endpoint: string, answer: string, cause: unknown) {
    super(endpoint, `it takes no more connections (${answer}); raise maxclients, or find out which client leaks`, {
      passing: true,
      maybeApplied: false,
      cause,
    });
  }
}

/** The server was started and is still reading its data. */
export class RedisLoadingError extends RedisEndpointError {
  override readonly name: string = 'RedisLoadingError';
  readonly code = 'ERR_REDIS_LOADING';

  constructor(endpoint: string, answer: string, cause: unknown) {
    super(endpoint, `it is still loading its data (${answer}); wait until it is ready`, {
      passing: true,
      maybeApplied: false,
      cause,
    });
  }
}

/** The cluster does not serve the key at the moment: a slot has no master, or is moving. */
export class RedisClusterDownError extends RedisEndpointError {
  override readonly name: string = 'RedisClusterDownError';
  readonly code = 'ERR_REDIS_CLUSTER_DOWN';

  constructor(endpoint: string, answer: string, cause: unknown) {
    super(endpoint, `the cluster does not serve the key (${answer}); look at CLUSTER INFO`, {
      passing: true,
      maybeApplied: false,
      cause,
    });
  }
}

/** There is something else in the place of a lease. Nothing was changed. */
export class RedisForeignKeyError extends RedisEndpointError {
  override readonly name: string = 'RedisForeignKeyError';
  readonly code = 'ERR_REDIS_FOREIGN_KEY';
  /** What the keys of the lease begin with. */
  readonly key: string;

  constructor(endpoint: string, key: string, cause: unknown) {
    super(endpoint, `a key that begins with ${key} belongs to another program; choose another name or prefix`, {
      passing: false,
      maybeApplied: false,
      cause,
    });
    this.key = key;
  }
}

/** Something answers there, but not Redis or Valkey. */
export class NotRedisError extends RedisEndpointError {
  override readonly name: string = 'NotRedisError';
  readonly code = 'ERR_NOT_REDIS';

  constructor(endpoint: string, answer: string, cause: unknown) {
    super(endpoint, `this is neither Redis nor Valkey; the client reports: ${answer.slice(0, 200)}`, {
      passing: false,
      maybeApplied: false,
      cause,
    });
  }
}

/** The server refuses for another reason, such as `MISCONF`, `NOREPLICAS` or `BUSY`. */
export class RedisRequestError extends RedisEndpointError {
  override readonly name: string = 'RedisRequestError';
  readonly code = 'ERR_REDIS_REQUEST';

  constructor(endpoint: string, answer: string, cause: unknown) {
    super(endpoint, `it refuses: ${answer}`, { passing: false, maybeApplied: false, cause });
  }
}

/** The driver was closed. */
export class RedisClosedError extends ConcurrencyError {
  override readonly name: string = 'RedisClosedError';
  readonly code = 'ERR_REDIS_CLOSED';

  constructor() {
    super('The redis lease driver was closed');
  }
}

/** A URL was given, and no client is installed that could connect. */
export class RedisClientMissingError extends ConcurrencyError {
  override readonly name: string = 'RedisClientMissingError';
  readonly code = 'ERR_REDIS_CLIENT_MISSING';

  constructor(cause: unknown) {
    super('To connect by URL, one of the packages ioredis and redis is needed: npm install ioredis', { cause });
  }
}
