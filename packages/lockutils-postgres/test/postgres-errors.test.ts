import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { lease } from '@oslo-concurrency/lockutils';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresOptions, postgresLeaseDriver, withFence } from '../src/index.js';
import { makeCertificates } from './server/certificates.js';
import { Pooler } from './server/pooler.js';
import {
  freePort,
  giveTo,
  PostgresServer,
  postgresMissing,
  type TlsFiles,
  until,
  withPostgres,
} from './server/postgres-server.js';

// Long enough that no error is one of being late.
const ttl = 10_000;
const password = 'a-secret-of-mine';

/** What `lease` rejects with; fails when it is granted. */
async function refusal(options: PostgresOptions, name = 'job'): Promise<Error & { code?: string; sql?: string }> {
  await using driver = postgresLeaseDriver(options);
  const begun = performance.now();
  const error = await lease(name, { driver, ttl }).then(
    () => expect.fail('it was granted'),
    (reason: Error) => reason,
  );
  expect(performance.now() - begun).toBeLessThan(ttl + 2000);
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(password);
  return error;
}

describe('what is wrong with the options or the way to the server has an error of its own', () => {
  test.each([
    ['pool', {}],
    ['pool', { pool: {}, url: 'postgres://a' }],
    ['pool', { pool: {} }],
    ['url', { url: 'http://127.0.0.1' }],
    ['url', { url: `mysql://me:${password}@127.0.0.1` }],
    ['url', { url: `mysql://127.0.0.1/?password=${password}` }],
    ['tls', { url: 'postgres://a', tls: true }],
    ['tls', { pool: { connect() {} }, tls: {} }],
    ['tls', { url: 'postgres://a/b?sslmode=disable', tls: {} }],
    ['table', { url: 'postgres://a', table: 'a; DROP TABLE b' }],
    ['table', { url: 'postgres://a', table: 'a.b.c' }],
    ['table', { url: 'postgres://a', table: 'x'.repeat(57) }],
    ['listen', { url: 'postgres://a', listen: 'yes' }],
    ['pollEvery', { url: 'postgres://a', pollEvery: 0 }],
    ['requestTimeout', { url: 'postgres://a', requestTimeout: Number.NaN }],
    ['options', { url: 'postgres://a', tabel: 'x' }],
    ['options', undefined],
  ])('misuse of %s is refused before anything is connected (%#)', (option, options) => {
    const refused = (): unknown => postgresLeaseDriver(options as PostgresOptions);
    expect(refused).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option }));
    expect(refused).not.toThrow(password);
  });

  test('nobody listens', async () => {
    const port = await freePort();
    const error = await refusal({ url: `postgres://me:${password}@127.0.0.1:${port}/data` });
    expect(error).toMatchObject({ code: 'ERR_POSTGRES_UNREACHABLE', endpoint: `127.0.0.1:${port}/data` });
    expect(error.message).toContain(`Postgres at 127.0.0.1:${port}/data: cannot be reached (ECONNREFUSED)`);
    expect(error.cause).toBeInstanceOf(Error);
  });

  test('an unknown host', async () => {
    expect(await refusal({ url: 'postgres://nowhere.invalid/data' })).toMatchObject({
      code: 'ERR_POSTGRES_UNREACHABLE',
      endpoint: 'nowhere.invalid:5432/data',
    });
  });

  test('it accepts connections and never answers, or answers something else', async () => {
    for (const answer of ['', 'HTTP/1.1 400 Bad Request\r\n\r\n']) {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.write(answer);
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const error = await refusal({ url: `postgres://127.0.0.1:${port}/data`, requestTimeout: 100 });
      expect(error).toMatchObject({ code: 'ERR_POSTGRES_TIMEOUT', timeout: 100, endpoint: `127.0.0.1:${port}/data` });
      server.close();
    }
  });
});

describe.skipIf(postgresMissing)(`what is wrong with the server has an error of its own${withPostgres}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'certificates-'));
  let server: PostgresServer;
  let ours: TlsFiles;
  let foreign: TlsFiles;
  const as = (user: string, more = ''): string => `postgres://${user}:${password}@${server.endpoint}${more}`;
  /** Takes all connections that are left for users. */
  async function allConnections(): Promise<pg.Client[]> {
    const clients: pg.Client[] = [];
    for (;;) {
      const client = new pg.Client(as('reader'));
      client.on('error', () => {});
      if (
        !(await client.connect().then(
          () => true,
          () => false,
        ))
      )
        return clients;
      clients.push(client);
    }
  }

  beforeAll(async () => {
    server = await PostgresServer.start('max_connections=20', 'superuser_reserved_connections=8');
    ours = makeCertificates(folder, 'ours');
    foreign = makeCertificates(folder, 'foreign');
    for (const [file, from] of Object.entries({ 'server.crt': ours.cert, 'server.key': ours.key })) {
      copyFileSync(from, server.path(`data/${file}`));
      giveTo(server.path(`data/${file}`));
    }
    for (const user of ['reader', 'wrong', 'encrypted', 'stranger'])
      await server.sql(`CREATE ROLE ${user} LOGIN PASSWORD '${password}'`);
    await server.sql('CREATE SCHEMA ours AUTHORIZATION tester');
    await server.sql('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    const rules = [
      'host all wrong all scram-sha-256',
      'hostssl all encrypted all trust',
      'host all stranger all reject',
      'host all tester,reader,nobody all trust',
    ];
    writeFileSync(server.path('data/pg_hba.conf'), rules.join('\n'));
    await server.sql('ALTER SYSTEM SET ssl = on');
    await server.sql('SELECT pg_reload_conf()');
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a wrong password, an unknown user, a user that the rules refuse', async () => {
    const error = await refusal({ url: `postgres://wrong:not-it@${server.endpoint}` });
    expect(error).toMatchObject({ code: 'ERR_POSTGRES_AUTH', endpoint: server.endpoint, cause: { code: '28P01' } });
    expect(await refusal({ url: `postgres://wrong@${server.endpoint}` })).toMatchObject({ code: 'ERR_POSTGRES_AUTH' });
    expect(await refusal({ url: as('nobody') })).toMatchObject({ code: 'ERR_POSTGRES_AUTH' });
    expect(await refusal({ url: as('stranger') })).toMatchObject({ code: 'ERR_POSTGRES_AUTH' });
    await using driver = postgresLeaseDriver({ url: as('wrong'), table: 'ours.leases' });
    await expect(lease('job', { driver, ttl })).rejects.not.toMatchObject({ code: 'ERR_POSTGRES_AUTH' });
  });

  test('an unknown user of a pooler', async () => {
    await using pooler = await Pooler.start(server);
    const error = await refusal({ url: pooler.url.replace('tester', 'nobody') });
    expect(error).toMatchObject({ code: 'ERR_POSTGRES_AUTH' });
  });

  test('an unknown database', async () => {
    const error = await refusal({ url: `postgres://tester@127.0.0.1:${server.port}/nothing` });
    expect(error).toMatchObject({ code: 'ERR_POSTGRES_REQUEST', sqlState: '3D000' });
  });

  test('out of connections, at the server and at a pooler', async () => {
    // One of an earlier test that ends now would make room.
    await until(async () => (await server.connections()) === 0);
    const clients = await allConnections();
    const error = await refusal({ url: as('reader') });
    expect(error).toMatchObject({ code: 'ERR_POSTGRES_CONNECTIONS', endpoint: server.endpoint });
    await Promise.all(clients.map((client) => client.end()));
    await until(async () => (await server.connections()) === 0);
    await using pooler = await Pooler.start(server, { max_client_conn: 1 });
    const only = new pg.Client(pooler.url);
    await only.connect();
    expect(await refusal({ url: pooler.url })).toMatchObject({ code: 'ERR_POSTGRES_CONNECTIONS' });
    await only.end();
  });

  test('a pool that is in use, where no other connection is left either', async () => {
    await until(async () => (await server.connections()) === 0);
    const pool = new pg.Pool({ connectionString: as('reader'), max: 2 });
    const borrowed = await Promise.all([pool.connect(), pool.connect()]);
    const clients = await allConnections();
    const error = await refusal({ pool, requestTimeout: 200 });
    expect(error).toMatchObject({ code: 'ERR_POSTGRES_POOL_BUSY', endpoint: server.endpoint });
    expect(error.message).toContain('none of the 2 connections');
    for (const client of borrowed) client.release();
    await pool.end();
    await Promise.all(clients.map((client) => client.end()));
    await until(async () => (await server.connections()) === 0);
  });

  test('a read-only server', async () => {
    const url = `${server.url}?options=-c%20default_transaction_read_only%3Don`;
    const error = await refusal({ url });
    expect(error).toMatchObject({
      code: 'ERR_POSTGRES_READ_ONLY',
      endpoint: server.endpoint,
      cause: { code: '25006' },
    });
    await using driver = postgresLeaseDriver({ url: server.url });
    await lease('job', { driver, ttl }, () => {});
    expect(await refusal({ url })).toMatchObject({ code: 'ERR_POSTGRES_READ_ONLY' });
  });

  test('tables that are missing and may not be created: the error has the SQL, which works', async () => {
    const error = await refusal({ url: as('reader'), table: 'public.absent' });
    expect(error).toMatchObject({ code: 'ERR_POSTGRES_TABLE_MISSING', endpoint: server.endpoint });
    expect(error.message).toContain(error.sql);
    await server.sql(error.sql as string);
    const denied = await refusal({ url: as('reader'), table: 'public.absent' });
    expect(denied).toMatchObject({ code: 'ERR_POSTGRES_PERMISSION' });
    await server.sql((denied.sql as string).replace('<user>', 'reader'));
    await using driver = postgresLeaseDriver({ url: as('reader'), table: 'public.absent' });
    const client = new pg.Client(as('reader'));
    await client.connect();
    await lease('job', { driver, ttl }, async (held) => {
      await client.query('BEGIN');
      await withFence(client, held);
      await client.query('COMMIT');
    });
    await client.end();
  });

  test('a schema that does not exist', async () => {
    expect(await refusal({ url: server.url, table: 'nowhere.leases' })).toMatchObject({
      code: 'ERR_POSTGRES_TABLE_MISSING',
    });
  });

  test.each([
    ['theirs (id integer PRIMARY KEY, name text)', 'theirs', 'it has no column token'],
    ['view_of', 'view_of', 'it has no column name'],
    [
      'typed (name text PRIMARY KEY, token integer, note text, note_until timestamptz)',
      'typed',
      'its column token is integer and not bigint',
    ],
    ['keyless (name text, token bigint, note text, note_until timestamptz)', 'keyless', 'it has no unique key (name)'],
    [
      `unfenced_claims (ticket bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, claim uuid UNIQUE, name text, token bigint,
        permits integer, expires_at timestamptz, channel text, owner text)`,
      'unfenced',
      'it has no unique key (name, token)',
    ],
    [
      `clashing_claims (ticket bigint PRIMARY KEY, claim uuid, name text, token bigint, permits integer,
        expires_at timestamptz, channel text, owner text, UNIQUE (name, token))`,
      'clashing',
      'it has no unique key (claim)',
    ],
    [
      'deferred (name text PRIMARY KEY DEFERRABLE, token bigint, note text, note_until timestamptz)',
      'deferred',
      'it has no unique key (name)',
    ],
    [
      `partial (name text, token bigint, note text, note_until timestamptz);
       CREATE UNIQUE INDEX ON partial (name) WHERE token > 0`,
      'partial',
      'it has no unique key (name)',
    ],
    [
      `unfinished (name text PRIMARY KEY, token bigint, note text, note_until timestamptz);
       UPDATE pg_index SET indisvalid = false WHERE indrelid = 'unfinished'::regclass`,
      'unfinished',
      'it has no unique key (name)',
    ],
  ])('a table of somebody else: %s', async (definition, table, difference) => {
    await server.sql(
      definition === 'view_of' ? 'CREATE VIEW view_of AS SELECT 1 AS one' : `CREATE TABLE ${definition}`,
    );
    const error = await refusal({ url: server.url, table });
    expect(error).toMatchObject({ code: 'ERR_POSTGRES_FOREIGN_TABLE', endpoint: server.endpoint });
    expect(error.message).toContain(difference);
    expect(error.message).toContain(error.sql);
  });

  test('a table that is locked for long: no answer in time, and then it works', async () => {
    const client = new pg.Client(server.url);
    await client.connect();
    await using driver = postgresLeaseDriver({ url: server.url });
    await lease('job', { driver, ttl }, () => {});
    await client.query('BEGIN');
    await client.query('LOCK TABLE oslo_leases');
    const error = await refusal({ url: server.url, requestTimeout: 200 });
    expect(error).toMatchObject({ code: 'ERR_POSTGRES_TIMEOUT', endpoint: server.endpoint });
    await client.query('ROLLBACK');
    await lease('job', { driver, ttl }, () => {});
    await client.end();
  });

  test('an administrator ends the connections: the next call succeeds', async () => {
    await using driver = postgresLeaseDriver({ url: server.url });
    for (let n = 0; n < 3; n++) {
      await lease('job', { driver, ttl }, () => {});
      await server.sql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
    }
  });

  test('a lease is held over TLS, and fences', async () => {
    await using driver = postgresLeaseDriver({
      url: as('encrypted'),
      tls: { ca: readFileSync(ours.ca) },
      table: 'ours.x',
    });
    const refused = await lease('job', { driver, ttl }).catch((error: unknown) => error);
    // It got as far as the tables, over TLS.
    expect(refused).toMatchObject({ code: expect.stringMatching(/TABLE_MISSING|PERMISSION/) });
    await using own = postgresLeaseDriver({ url: server.url, tls: { ca: readFileSync(ours.ca) } });
    await lease('job', { driver: own, ttl }, () => {});
  });

  test('TLS that fails: an authority that is not known, a server without it, a server that demands it', async () => {
    for (const tls of [{}, { ca: readFileSync(foreign.ca) }, { ca: 'nonsense' }])
      expect(await refusal({ url: as('encrypted'), tls })).toMatchObject({
        code: 'ERR_POSTGRES_TLS',
        endpoint: server.endpoint,
      });
    expect(await refusal({ url: as('encrypted') })).toMatchObject({ code: 'ERR_POSTGRES_TLS' });
    await using pooler = await Pooler.start(server);
    expect(await refusal({ url: pooler.url, tls: {} })).toMatchObject({ code: 'ERR_POSTGRES_TLS' });
  });

  test('sslmode in the URL: require and verify-full are obeyed, and what fails names the endpoint and the cause', async () => {
    const bySsl = (more: string): string => as('encrypted', `?${more}`);
    const reached = { code: expect.stringMatching(/TABLE_MISSING|PERMISSION/) };
    // Of the client's own meanings of require, this one asks for TLS and trusts any certificate, as psql does.
    expect(await refusal({ url: bySsl('uselibpqcompat=true&sslmode=require') })).toMatchObject(reached);
    expect(await refusal({ url: bySsl(`sslmode=verify-full&sslrootcert=${ours.ca}`) })).toMatchObject(reached);
    expect(await refusal({ url: bySsl('sslmode=disable') })).toMatchObject({ code: 'ERR_POSTGRES_TLS' });
    for (const [more, cause] of [
      [`sslmode=verify-full&sslrootcert=${foreign.ca}`, /certificate/],
      ['sslmode=verify-full', /certificate/],
      [`sslmode=verify-full&sslrootcert=${folder}/missing`, /no such file.*missing/],
    ] as const) {
      const error = await refusal({ url: bySsl(more) });
      expect(error).toMatchObject({ code: 'ERR_POSTGRES_TLS', endpoint: server.endpoint });
      expect(error.message).toContain(`Postgres at ${server.endpoint}`);
      expect(error.message).toMatch(cause);
    }
    await using pooler = await Pooler.start(server);
    const without = `${pooler.url}${pooler.url.includes('?') ? '&' : '?'}uselibpqcompat=true&sslmode=require`;
    expect(await refusal({ url: without })).toMatchObject({ code: 'ERR_POSTGRES_TLS' });
  });
});

test.skipIf(postgresMissing)(
  `a ttl too small for the way to the server: nothing is held, nothing is left${withPostgres}`,
  async () => {
    const { TcpProxy } = await import('./server/tcp-proxy.js');
    await using server = await PostgresServer.start();
    await using proxy = await TcpProxy.start(server.port);
    const pool = new pg.Pool({ connectionString: proxy.url, max: 1 });
    await using driver = postgresLeaseDriver({ pool });
    await lease('job', { driver, ttl }, () => {});
    // The one connection is there, and idle again.
    await pool.query('SELECT 1');
    // Just too long, so that the server may stand still for a while before the request times out instead.
    proxy.delay = 60;
    await expect(lease('job', { driver, ttl: 200 })).rejects.toMatchObject({
      code: 'ERR_LEASE_TTL_TOO_SHORT',
      ttl: 200,
    });
    proxy.delay = 0;
    await driver.close();
    await pool.end();
    expect(await server.claims()).toBe(0);
  },
);
