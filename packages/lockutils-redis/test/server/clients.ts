import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import type { RedisOptions } from '../../src/index.js';

/** The ways to name a server; clients are not connected, since the driver connects on its own. */
export const ways = {
  'a client of ioredis': (url: string): RedisOptions => ({ client: new Redis(url, { lazyConnect: true }) }),
  'a client of redis': (url: string): RedisOptions => ({ client: createClient({ url }) }),
  'a URL': (url: string): RedisOptions => ({ url }),
} as const;

export const wayNames = Object.keys(ways) as (keyof typeof ways)[];

/** The same for a cluster. */
export const clusterWays = {
  'a Cluster of ioredis': (host: string, port: number): RedisOptions => ({
    client: new Cluster([{ host, port }], { lazyConnect: true }),
  }),
  'a cluster of redis': (host: string, port: number): RedisOptions => ({
    client: createCluster({ rootNodes: [{ socket: { host, port } }] }),
  }),
} as const;
