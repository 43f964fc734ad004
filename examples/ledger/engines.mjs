// The engines between machines that can keep the ledger: how to start a throw-away server of each on loopback, and how to
// keep the ledger in it, so that the engine itself refuses a booking that comes too late.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const empty = { lines: 0, total: 0 };
// Postgres refuses to run as root: then it runs as nobody.
const asNobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

/** `programs` are what must be installed; `open` connects, and `read` and `write` see the ledger as the holder of a lease. */
export const engines = {
  etcd: {
    programs: ['etcd'],
    install: 'apt-get install etcd-server',
    async start(folder) {
      const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
      const args = ['--data-dir', folder, '--listen-client-urls', client, '--advertise-client-urls', client];
      args.push(
        '--listen-peer-urls',
        peer,
        '--initial-advertise-peer-urls',
        peer,
        '--initial-cluster',
        `default=${peer}`,
      );
      return { url: client, file: program('etcd'), args };
    },
    async open(url) {
      const { etcdLeaseDriver, withFence } = await import('@oslo-concurrency/lockutils-etcd');
      const driver = etcdLeaseDriver({ endpoints: url });
      return {
        driver,
        async read(held) {
          const { values } = await withFence(held, [{ get: 'ledger' }]);
          return JSON.parse(values.get('ledger')?.toString() ?? JSON.stringify(empty));
        },
        write: (held, ledger) => withFence(held, [{ put: 'ledger', value: JSON.stringify(ledger) }]),
        close: () => driver.close(),
      };
    },
  },
  postgres: {
    programs: ['postgres', 'initdb'],
    install: 'apt-get install postgresql',
    async start(folder) {
      const [data, port] = [join(folder, 'data'), await freePort()];
      for (const path of [dirname(folder), folder]) chmodSync(path, 0o711);
      mkdirSync(data, { mode: 0o700 });
      if (asNobody.uid !== undefined) for (const path of [folder, data]) chownSync(path, asNobody.uid, asNobody.gid);
      const auth = ['--auth=trust', '--username=keeper', '--no-sync', '--locale=C', '--encoding=UTF8'];
      execFileSync(program('initdb'), ['--pgdata', data, ...auth], { ...asNobody, stdio: 'pipe' });
      const settings = ['listen_addresses=127.0.0.1', `port=${port}`, `unix_socket_directories=${folder}`];
      const args = ['-D', data, ...settings.flatMap((one) => ['-c', one])];
      return { url: `postgres://keeper@127.0.0.1:${port}/postgres`, file: program('postgres'), args, ...asNobody };
    },
    async open(url) {
      const { postgresLeaseDriver, withFence } = await import('@oslo-concurrency/lockutils-postgres');
      const { default: pg } = await import('pg');
      const pool = new pg.Pool({ connectionString: url, max: 3, connectionTimeoutMillis: 2000 });
      pool.on('error', () => {});
      const driver = postgresLeaseDriver({ pool });
      const table = 'CREATE TABLE IF NOT EXISTS ledger (one int PRIMARY KEY DEFAULT 1, lines int, total int)';
      return {
        driver,
        async prepare() {
          await pool.query(table);
          await pool.query('INSERT INTO ledger (lines, total) VALUES (0, 0)');
        },
        read: async () => (await pool.query('SELECT lines, total FROM ledger')).rows[0],
        async write(held, { lines, total }) {
          const client = await pool.connect();
          try {
            await client.query('BEGIN');
            await withFence(client, held);
            await client.query('UPDATE ledger SET lines = $1, total = $2', [lines, total]);
            await client.query('COMMIT');
          } catch (error) {
            await client.query('ROLLBACK').catch(() => {});
            throw error;
          } finally {
            client.release();
          }
        },
        async close() {
          await driver.close();
          await pool.end();
        },
      };
    },
  },
  redis: {
    programs: ['redis-server'],
    install: 'apt-get install redis-server',
    async start(folder) {
      const port = await freePort();
      const args = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder, '--save', '', '--appendonly', 'yes'];
      return { url: `redis://127.0.0.1:${port}`, file: program('redis-server'), args };
    },
    async open(url) {
      const { redisLeaseDriver } = await import('@oslo-concurrency/lockutils-redis');
      const { default: Redis } = await import('ioredis');
      const client = new Redis(url);
      const driver = redisLeaseDriver({ client });
      // Redis has no fence of its own for the data: the store keeps the largest token it has seen, and refuses a smaller one.
      const book = `if tonumber(redis.call('HGET', KEYS[1], 'token') or '0') > tonumber(ARGV[1]) then return 0 end
        redis.call('HSET', KEYS[1], 'token', ARGV[1], 'ledger', ARGV[2]) return 1`;
      return {
        driver,
        read: async () => JSON.parse((await client.hget('ledger', 'ledger')) ?? JSON.stringify(empty)),
        async write(held, ledger) {
          const token = held.fencingToken.toString();
          if ((await client.eval(book, 1, 'ledger', token, JSON.stringify(ledger))) !== 1)
            throw new Error('refused: late');
        },
        async close() {
          await driver.close();
          client.disconnect();
        },
      };
    },
  },
};

/** The programs that the engine needs and that are not installed here. */
export function missingPrograms(name) {
  return engines[name].programs.filter((wanted) => program(wanted) === undefined);
}

/** Starts a server in `folder`, and resolves when it answers: to its URL, and how to end it. */
export async function startEngine(name, folder) {
  const { install, start, open } = engines[name];
  const missing = missingPrograms(name);
  if (missing.length > 0) throw new Error(`${missing.join(' and ')} is not installed here: ${install}`);
  const { url, file, args, ...user } = await start(folder);
  const log = openSync(join(folder, 'server.log'), 'a');
  const server = spawn(file, args, { stdio: ['ignore', log, log], ...user });
  const ended = once(server, 'exit');
  const stop = async () => {
    server.kill(name === 'postgres' ? 'SIGINT' : 'SIGTERM');
    await ended;
  };
  process.once('exit', () => server.kill('SIGKILL'));
  const deadline = performance.now() + 15_000;
  for (;;) {
    const store = await open(url);
    try {
      await store.driver.holders('ledger');
      await store.prepare?.();
      await store.close();
      return { url, stop };
    } catch (error) {
      await store.close().catch(() => {});
      if (server.exitCode === null && performance.now() < deadline) await sleep(100);
      else {
        const said = readFileSync(join(folder, 'server.log'), 'utf8').slice(-2000);
        throw new Error(`${name} did not start: ${error.message}\n${said}`, { cause: error });
      }
    }
  }
}

// Debian keeps the programs of each version of Postgres in a folder that is not in PATH.
function program(name) {
  const versions = '/usr/lib/postgresql';
  const more = existsSync(versions) ? readdirSync(versions).map((version) => join(versions, version, 'bin')) : [];
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...more];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}
