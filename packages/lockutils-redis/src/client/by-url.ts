import { loadPackage } from '@oslo-concurrency/core';
import { RedisClientMissingError } from '../redis-errors.js';
import type { ConnectionSource } from './connection.js';
import { type IoredisLike, ioredisSource } from './ioredis.js';
import { type NodeRedisLike, nodeRedisSource } from './node-redis.js';

/** Certificates in PEM form. */
export interface RedisTls {
  /** The authority that signed the server's certificate; without it the authorities that Node trusts. */
  readonly ca?: string | Uint8Array;
  /** The client certificate, if the server asks for one, with its `key`. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** The name that the server's certificate must bear, if it is not that of the URL. */
  readonly serverName?: string;
}

/** A server, as a URL says it. */
export interface RedisServer {
  readonly host: string;
  readonly port: number;
  readonly database: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Absent without TLS. */
  readonly tls: RedisTls | undefined;
}

type Ioredis = { readonly Redis: new (options: object) => IoredisLike };
type NodeRedis = { createClient(options: object): NodeRedisLike & { on(event: string, listener: () => void): void } };

/** Connections to `server`, by `ioredis` if that is installed, else by `redis`. Nothing is loaded before the first one. */
export function sourceByUrl(server: RedisServer): ConnectionSource {
  const { host, port } = server;
  let source: ConnectionSource | undefined;
  return {
    endpoint: `${host}:${port}`,
    secure: server.tls !== undefined,
    open(timeout) {
      source ??= load(server);
      return source.open(timeout);
    },
  };
}

function load({ host, port, database, username, password, tls }: RedisServer): ConnectionSource {
  const { serverName, ...pem } = tls ?? {};
  const secure = { ...pem, ...(serverName === undefined ? {} : { servername: serverName }) };
  const user = { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
  try {
    const { Redis } = loadPackage<Ioredis>(import.meta.url, 'ioredis');
    const security = tls === undefined ? {} : { tls: secure };
    return ioredisSource(new Redis({ host, port, db: database, ...user, ...security, lazyConnect: true }));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    const { createClient } = loadPackage<NodeRedis>(import.meta.url, 'redis');
    const socket = { host, port, ...(tls === undefined ? {} : { tls: true, ...secure }) };
    return nodeRedisSource(createClient({ database, ...user, socket }));
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new RedisClientMissingError(error);
  }
}

/** Whether the client itself is missing. If a package of its own is, that is another problem. */
function isMissing(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'MODULE_NOT_FOUND' && /'(ioredis|redis)'/.test(message);
}
