import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5';
import { createClient, createCluster, createSentinel } from 'redis';
import { createClient as createClient4 } from 'redis-4';
import { createClient as createClient5, createCluster as createCluster5 } from 'redis-5';
import type { RedisOptions } from '../../src/index.js';

/** The ways to name a server; clients are not connected, since the driver connects on its own. */
export const ways = {
  'a client of ioredis': (url: string): RedisOptions => ({ client: new Redis(url, { lazyConnect: true }) }),
  'a client of redis': (url: string): RedisOptions => ({ client: createClient({ url }) }),
  'a URL': (url: string): RedisOptions => ({ url }),
} as const;

export const wayNames = Object.keys(ways) as (keyof typeof ways)[];

/** The earlier majors of the clients that the package accepts. */
export const earlierWays = {
  'a client of ioredis 5': (url: string): RedisOptions => ({ client: new Redis5(url, { lazyConnect: true }) }),
  'a client of redis 4': (url: string): RedisOptions => ({ client: createClient4({ url }) }),
  'a client of redis 5': (url: string): RedisOptions => ({ client: createClient5({ url }) }),
} as const;

export const earlierNames = Object.keys(earlierWays) as (keyof typeof earlierWays)[];

/** The same for a cluster. */
export const clusterWays = {
  'a Cluster of ioredis': (host: string, port: number): RedisOptions => ({
    client: new Cluster([{ host, port }], { lazyConnect: true }),
  }),
  'a cluster of redis': (host: string, port: number): RedisOptions => ({
    client: createCluster({ rootNodes: [{ socket: { host, port } }] }),
  }),
  'a Cluster of ioredis 5': (host: string, port: number): RedisOptions => ({
    client: new Cluster5([{ host, port }], { lazyConnect: true }),
  }),
  'a cluster of redis 5': (host: string, port: number): RedisOptions => ({
    client: createCluster5({ rootNodes: [{ socket: { host, port } }] }),
  }),
} as const;

/** The same for a master that sentinels know; in `redis` 4 and 5 no client for it can be duplicated. */
export const sentinelWays = {
  ioredis: (name: string, port: number): RedisOptions => ({
    client: new Redis({ name, sentinels: [{ host: '127.0.0.1', port }], lazyConnect: true }),
  }),
  redis: (name: string, port: number): RedisOptions => ({
    client: createSentinel({ name, sentinelRootNodes: [{ host: '127.0.0.1', port }] }),
  }),
  'ioredis 5': (name: string, port: number): RedisOptions => ({
    client: new Redis5({ name, sentinels: [{ host: '127.0.0.1', port }], lazyConnect: true }),
  }),
} as const;
