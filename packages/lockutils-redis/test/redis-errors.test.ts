import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { lease } from '@oslo-concurrency/lockutils';
import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { describe, expect, test } from 'vitest';
import { RedisEndpointError, type RedisOptions, redisLeaseDriver } from '../src/index.js';
import { makeCertificates } from './server/certificates.js';
import { wayNames, ways } from './server/clients.js';
import { freePort, RedisServer, redisMissing, withRedis } from './server/redis-server.js';

// Long enough that no error is one of being late.
const ttl = 10_000;

/** The error of one call. */
async function failure(options: RedisOptions): Promise<RedisEndpointError> {
  await using driver = redisLeaseDriver(options);
  const error: unknown = await lease('error', { driver, ttl }, () => {}).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RedisEndpointError);
  return error as RedisEndpointError;
}

describe('wrong options are refused before anything is sent, and no password is shown', () => {
  test.each([
    [{}, 'client'],
    [{ url: 'http://127.0.0.1' }, 'url'],
    [{ url: 'redis://user:hidden@127.0.0.1:1/x' }, 'url'],
    [{ url: 'redis://127.0.0.1', client: {} }, 'client'],
    [{ client: { get() {} } }, 'client'],
    [{ url: 'redis://127.0.0.1', tls: { ca: '' } }, 'tls'],
    [{ url: 'redis://127.0.0.1', password: 7 }, 'password'],
    [{ url: 'redis://127.0.0.1', prefix: '{x}' }, 'prefix'],
    [{ url: 'redis://127.0.0.1', requestTimeout: 1 }, 'requestTimeout'],
    [{ url: 'redis://127.0.0.1', pollEvery: Number.NaN }, 'pollEvery'],
    [{ url: 'redis://127.0.0.1', prefixx: 'hidden' }, 'options'],
  ] as const)('%j names %s', (options, option) => {
    let error: unknown;
    try {
      redisLeaseDriver(options as RedisOptions);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', option });
    expect(inspect(error)).not.toContain('hidden');
  });
});

test('the nodes of a cluster are named without their passwords', async () => {
  const port = await freePort();
  const url = `redis://user:hidden@127.0.0.1:${port}`;
  const clients = [new Cluster([url], { lazyConnect: true }), createCluster({ rootNodes: [{ url }] })];
  for (const client of clients) {
    const error = await failure({ client });
    expect(error).toMatchObject({ code: 'ERR_REDIS_UNREACHABLE', endpoint: `127.0.0.1:${port}` });
    expect(inspect(error)).not.toContain('hidden');
  }
});

describe.each(wayNames)('what can go wrong, by %s', (way) => {
  test('nobody listens: ERR_REDIS_UNREACHABLE at once, with the system error as its cause', async () => {
    const port = await freePort();
    // A request that was not refused at once would end after this.
    const requestTimeout = 8000;
    const begun = performance.now();
    const error = await failure({ ...ways[way](`redis://user:hidden@127.0.0.1:${port}`), requestTimeout });
    expect(performance.now() - begun).toBeLessThan(requestTimeout / 2);
    expect(error).toMatchObject({ code: 'ERR_REDIS_UNREACHABLE', endpoint: `127.0.0.1:${port}`, maybeApplied: false });
    expect(error.message).toContain('ECONNREFUSED');
    expect(error.cause).toBeDefined();
    expect(inspect(error)).not.toContain('hidden');
  });

  test('an HTTP server answers: ERR_NOT_REDIS', async () => {
    const http = createHttpServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
    await new Promise((listening) => http.once('listening', listening));
    const { port } = http.address() as AddressInfo;
    expect(await failure(ways[way](`redis://127.0.0.1:${port}`))).toMatchObject({ code: 'ERR_NOT_REDIS' });
    http.closeAllConnections();
    await new Promise((closed) => http.close(closed));
  });

  describe.skipIf(redisMissing)(`with real servers${withRedis}`, () => {
    test('a missing and a wrong password: ERR_REDIS_AUTH, which does not show it', async () => {
      await using server = await RedisServer.start({ password: 'right' });
      const missing = await failure(ways[way](server.url));
      expect(missing).toMatchObject({ code: 'ERR_REDIS_AUTH', message: expect.stringContaining('NOAUTH') });
      const wrong = await failure(ways[way](server.url.replace('//', '//:hidden@')));
      expect(wrong).toMatchObject({ code: 'ERR_REDIS_AUTH', message: expect.stringContaining('WRONGPASS') });
      for (const error of [missing, wrong]) expect(inspect(error)).not.toMatch(/hidden|right/);
    });

    test('a user without rights on the keys: ERR_REDIS_AUTH; without rights on the channels: the poll serves', async () => {
      await using server = await RedisServer.start();
      await server.cli('ACL', 'SETUSER', 'other', 'on', '>p', '~other:*', '&*', '+@all');
      await server.cli('ACL', 'SETUSER', 'quiet', 'on', '>p', '~*', 'resetchannels', '+@all');
      expect(await failure(ways[way](server.url.replace('//', '//other:p@')))).toMatchObject({
        code: 'ERR_REDIS_AUTH',
      });
      const options = { ...ways[way](server.url.replace('//', '//quiet:p@')), pollEvery: 50 };
      await using driver = redisLeaseDriver(options);
      await using other = redisLeaseDriver(options);
      const held = await lease('quiet', { driver, ttl });
      let waits = (): void => {};
      const waiting = new Promise<void>((resolve) => (waits = resolve));
      const next = lease('quiet', { driver: other, ttl, onWait: waits }, () => {});
      await waiting;
      await held.release();
      await next;
    });

    test('a replica: ERR_REDIS_READ_ONLY', async () => {
      await using master = await RedisServer.start();
      await using replica = await RedisServer.start({ flags: ['--replicaof', '127.0.0.1', String(master.port)] });
      expect(await failure(ways[way](replica.url))).toMatchObject({
        code: 'ERR_REDIS_READ_ONLY',
        endpoint: `127.0.0.1:${replica.port}`,
      });
    });

    test('no memory: ERR_REDIS_OUT_OF_MEMORY, while a lease that is held is renewed and released', async () => {
      await using server = await RedisServer.start();
      await using driver = redisLeaseDriver(ways[way](server.url));
      const held = await lease('held', { driver, ttl });
      await server.cli('CONFIG', 'SET', 'maxmemory', '1');
      expect(await failure(ways[way](server.url))).toMatchObject({ code: 'ERR_REDIS_OUT_OF_MEMORY' });
      await held.renew();
      await held.release();
      expect(await server.leftovers()).toBe('');
    });

    test('too many connections: ERR_REDIS_MAX_CLIENTS', async () => {
      await using server = await RedisServer.start({ flags: ['--maxclients', '1'] });
      const only = new Redis(server.url);
      await only.ping();
      expect(await failure(ways[way](server.url))).toMatchObject({ code: 'ERR_REDIS_MAX_CLIENTS' });
      only.disconnect();
    });

    test('a key of another type under the name: ERR_REDIS_FOREIGN_KEY, and nothing is changed', async () => {
      await using server = await RedisServer.start();
      for (const [part, write] of [
        ['held', ['SET', 'KEY', 'x']],
        ['queue', ['SET', 'KEY', 'x']],
        ['processes', ['SET', 'KEY', 'x']],
        ['token', ['SET', 'KEY', 'not a number']],
        ['token', ['LPUSH', 'KEY', 'x']],
      ] as const) {
        const key = `oslo-concurrency:{error}:${part}`;
        await server.cli('FLUSHALL');
        await server.cli(...write.map((word) => (word === 'KEY' ? key : word)));
        const before = await server.cli('DUMP', key);
        expect(await failure(ways[way](server.url))).toMatchObject({
          code: 'ERR_REDIS_FOREIGN_KEY',
          key: 'oslo-concurrency:{error}:',
        });
        expect(await server.cli('DUMP', key)).toBe(before);
      }
    });

    test('a server that reads its data: ERR_REDIS_LOADING, and a waiter sits it out', async () => {
      await using server = await RedisServer.start({
        flags: ['--loading-process-events-interval-bytes', '1024', '--rdbcompression', 'no'],
      });
      await server.cli('EVAL', "for i = 1, 800 do redis.call('SET', 'k' .. i, string.rep('x', 2000)) end", '0');
      await using driver = redisLeaseDriver(ways[way](server.url));
      const held = await lease('held', { driver, ttl: 20_000 });
      let waits = (): void => {};
      const waiting = new Promise<void>((resolve) => (waits = resolve));
      const next = lease('held', { driver, ttl: 20_000, onWait: waits }, ({ fencingToken }) => fencingToken);
      await waiting;
      await server.cli('SAVE');
      await server.crash();
      // So slow that it is asked meanwhile: a delay for each key that is read, in microseconds.
      server.launch('--key-load-delay', '50000');
      await server.until(async () =>
        /LOADING/.test(await server.cli('GET', 'x').catch(({ stderr }) => String(stderr))),
      );
      expect(await failure(ways[way](server.url))).toMatchObject({ code: 'ERR_REDIS_LOADING' });
      await server.cli('CONFIG', 'SET', 'key-load-delay', '0');
      await server.until(async () => /PONG/.test(await server.cli('PING')));
      await held.release();
      expect(await next).toBeGreaterThan(held.fencingToken);
    });

    test('a server that refuses writes for its own reason: ERR_REDIS_REQUEST with its words', async () => {
      await using server = await RedisServer.start({ flags: ['--min-replicas-to-write', '1'] });
      expect(await failure(ways[way](server.url))).toMatchObject({
        code: 'ERR_REDIS_REQUEST',
        message: expect.stringContaining('NOREPLICAS'),
      });
    });
  });
});

describe.skipIf(redisMissing)(`TLS${withRedis}`, () => {
  test('an authority that is known leads in; an unknown one, and none at all, are ERR_REDIS_TLS or say so', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'redis-tls-'));
    try {
      const files = makeCertificates(folder);
      await using server = await RedisServer.start({ tls: files });
      const [ca, cert, key] = [files.ca, files.cert, files.key].map((file) => readFileSync(file, 'utf8'));
      const url = server.url.replace('redis:', 'rediss:');
      const tls = { ca, cert, key } as { ca: string; cert: string; key: string };
      const clients: RedisOptions[] = [
        { url, tls },
        { client: new Redis(url, { tls, lazyConnect: true }) },
        { client: createClient({ url, socket: { tls: true, ...tls } }) },
      ];
      for (const options of clients) {
        await using driver = redisLeaseDriver(options);
        await lease('tls', { driver, ttl }, () => {});
      }
      const strangers: RedisOptions[] = [
        { url },
        { client: new Redis(url, { lazyConnect: true }) },
        { client: createClient({ url }) },
      ];
      for (const options of strangers) expect(await failure(options)).toMatchObject({ code: 'ERR_REDIS_TLS' });
      // Without a certificate the server ends the connection after the handshake.
      expect(await failure({ url, tls: { ca: tls.ca } })).toMatchObject({ code: 'ERR_REDIS_TLS' });
      for (const way of wayNames) {
        expect((await failure(ways[way](server.url))).code).toMatch(/ERR_REDIS_(UNREACHABLE|TLS)|ERR_NOT_REDIS/);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('TLS asked of a server that speaks none, and is silent: ERR_REDIS_TIMEOUT, which asks about TLS', async () => {
    await using server = await RedisServer.start();
    const url = server.url.replace('redis:', 'rediss:');
    const outcomes = wayNames.map((way) => failure({ ...ways[way](url), requestTimeout: 500 }));
    for (const error of await Promise.all(outcomes)) {
      expect(error).toMatchObject({
        code: 'ERR_REDIS_TIMEOUT',
        maybeApplied: false,
        message: expect.stringContaining('TLS at this port'),
      });
    }
  });
});
