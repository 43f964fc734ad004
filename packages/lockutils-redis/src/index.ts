export type { RedisTls } from './client/by-url.js';
export type { IoredisLike } from './client/ioredis.js';
export type { NodeRedisLike } from './client/node-redis.js';
export type { RedisGrant } from './queue/redis-grant.js';
export {
  NotRedisError,
  RedisAuthError,
  RedisClientMissingError,
  RedisClosedError,
  RedisClusterDownError,
  RedisEndpointError,
  type RedisFailureFacts,
  RedisForeignKeyError,
  RedisLoadingError,
  RedisMaxClientsError,
  RedisOutOfMemoryError,
  RedisReadOnlyError,
  RedisRequestError,
  RedisTimeoutError,
  RedisTlsError,
  RedisUnreachableError,
} from './redis-errors.js';
export { type RedisLeaseDriver, redisLeaseDriver } from './redis-lease-driver.js';
export type { RedisOptions } from './redis-options.js';
