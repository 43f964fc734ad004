import { InvalidOptionError, unknownOption } from '@oslo-concurrency/core';
import { type RedisServer, type RedisTls, sourceByUrl } from './client/by-url.js';
import type { ConnectionSource } from './client/connection.js';
import { type IoredisLike, ioredisSource, isIoredis } from './client/ioredis.js';
import { isNodeRedis, type NodeRedisLike, nodeRedisSource } from './client/node-redis.js';

/** Options of `redisLeaseDriver`; either `client` or `url`. */
export interface RedisOptions {
  /**
   * A client of `ioredis` (`Redis`, `Cluster`) or of `redis` (`createClient`; `createCluster` from version 5 on;
   * `createSentinel` from version 6 on). The driver connects on its own with the same configuration, and does not use,
   * connect or close this one.
   * @defaultValue none; `url` is used instead
   */
  readonly client?: IoredisLike | NodeRedisLike;
  /**
   * `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS. Needs `ioredis` or `redis` installed.
   * @defaultValue none; `client` is used instead
   */
  readonly url?: string;
  /**
   * With `url`: the user, in place of the one in the URL.
   * @defaultValue the user in the URL
   */
  readonly username?: string;
  /**
   * With `url`: the password, in place of the one in the URL.
   * @defaultValue the password in the URL
   */
  readonly password?: string;
  /**
   * With a `rediss://` URL: for an authority that Node does not know, or client certificates.
   * @defaultValue none: the authorities that Node trusts
   */
  readonly tls?: RedisTls;
  /**
   * What the keys begin with. All processes that share leases must give the same.
   * @defaultValue `oslo-concurrency:`
   */
  readonly prefix?: string;
  /**
   * Milliseconds for one step, with the connection it may need. Renewals take less if the ttl is short.
   * @defaultValue `2000`
   */
  readonly requestTimeout?: number;
  /**
   * Milliseconds after which the first waiter looks again if no notification arrived.
   * @defaultValue `1000`
   */
  readonly pollEvery?: number;
}

/** {@link RedisOptions}, checked, with defaults filled in. */
export interface RedisSettings {
  readonly source: ConnectionSource;
  readonly prefix: string;
  readonly requestTimeout: number;
  readonly pollEvery: number;
}

const names = ['client', 'url', 'username', 'password', 'tls', 'prefix', 'requestTimeout', 'pollEvery'];

/** @throws InvalidOptionError for the first thing that is wrong. */
export function redisSettings(options: RedisOptions): RedisSettings {
  demand(typeof options === 'object' && options !== null, 'options', 'an object with client or url', typeof options);
  // The error keeps what it received, so only the names: there may be a password among the values.
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw unknownOption(name, names, Object.keys(options));
  }
  const { prefix = 'oslo-concurrency:', requestTimeout = 2000, pollEvery = 1000 } = options;
  demand(
    typeof prefix === 'string' && !/[{}\0]/.test(prefix),
    'prefix',
    'a string without NUL and braces, which choose the slot in a cluster',
    prefix,
  );
  for (const [option, value] of Object.entries({ requestTimeout, pollEvery })) {
    const valid = typeof value === 'number' && value >= 10 && value < 2 ** 31;
    demand(valid, option, 'a number of milliseconds from 10 on', value);
  }
  return { source: source(options), prefix, requestTimeout, pollEvery };
}

function source({ client, url, username, password, tls }: RedisOptions): ConnectionSource {
  demand((client === undefined) !== (url === undefined), 'client', 'either client or url', 'both or none of them');
  if (url !== undefined) {
    demand(username === undefined || typeof username === 'string', 'username', 'a string', typeof username);
    // The password itself is not shown, whatever it is.
    demand(password === undefined || typeof password === 'string', 'password', 'a string', typeof password);
    demand(tls === undefined || (typeof tls === 'object' && tls !== null), 'tls', 'an object', typeof tls);
    return sourceByUrl(server(url, { username, password, tls }));
  }
  for (const [option, value] of Object.entries({ username, password, tls })) {
    demand(value === undefined, option, 'absent with client, which has its own', typeof value);
  }
  const given: unknown = client;
  if (typeof given === 'object' && given !== null) {
    if (isIoredis(given)) return ioredisSource(given);
    if (isNodeRedis(given)) return nodeRedisSource(given);
  }
  const expected =
    'a client of ioredis (Redis, Cluster) or redis (createClient; createCluster from version 5 on; createSentinel from version 6 on)';
  throw new InvalidOptionError('client', expected, typeof given);
}

function server(url: unknown, more: Pick<RedisServer, 'username' | 'password' | 'tls'>): RedisServer {
  const expected = 'redis://[user[:password]@]host[:port][/database], or rediss:// for TLS';
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  // A password in it is not to appear in a message.
  const shown = typeof url === 'string' ? url.replace(/\/\/.*@/, '//***@') : typeof url;
  const secure = parsed?.protocol === 'rediss:' || parsed?.protocol === 'valkeys:';
  const known = secure || parsed?.protocol === 'redis:' || parsed?.protocol === 'valkey:';
  const database = parsed?.pathname.replace(/^\//, '') || '0';
  if (
    parsed === undefined ||
    !known ||
    parsed.hostname === '' ||
    !/^\d+$/.test(database) ||
    parsed.search + parsed.hash !== ''
  ) {
    throw new InvalidOptionError('url', expected, shown);
  }
  demand(more.tls === undefined || secure, 'tls', 'absent with a URL that is not rediss://', 'tls');
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(parsed.port || 6379),
    database: Number(database),
    username: more.username ?? decoded(parsed.username),
    password: more.password ?? decoded(parsed.password),
    tls: secure ? (more.tls ?? {}) : undefined,
  };
}

function decoded(text: string): string | undefined {
  return text === '' ? undefined : decodeURIComponent(text);
}

function demand(valid: boolean, option: string, expected: string, received: unknown): void {
  if (!valid) throw new InvalidOptionError(option, expected, received);
}
