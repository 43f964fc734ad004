import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { LeaseDriver } from '../../drivers/lease-driver.js';
import { lockfileLeaseDriver } from '../../drivers.js';
import { UsageError } from '../exit-status.js';

/** A lease driver, and a function that closes its connections. */
export interface OpenLeaseDriver {
  readonly driver: LeaseDriver;
  close(): Promise<void>;
}

type ClosableDriver = LeaseDriver & { close(): Promise<void> };

/** The packages of the engines' drivers, by scheme. This package depends on none of them. */
const packages: { readonly [scheme: string]: string } = {
  etcd: '@oslo-concurrency/lockutils-etcd',
  etcds: '@oslo-concurrency/lockutils-etcd',
  postgres: '@oslo-concurrency/lockutils-postgres',
  postgresql: '@oslo-concurrency/lockutils-postgres',
  redis: '@oslo-concurrency/lockutils-redis',
  rediss: '@oslo-concurrency/lockutils-redis',
};

/** The functions used from the package of the etcd driver. */
interface EtcdPackage {
  parseEtcdUrl(url: string): { readonly endpoints: string | readonly string[]; readonly prefix?: string };
  etcdLeaseDriver(options: object): ClosableDriver;
}

/** The function used from the package of the Postgres driver. */
interface PostgresPackage {
  postgresLeaseDriver(options: { readonly url: string }): ClosableDriver;
}

/** The function used from the package of the redis driver. */
interface RedisPackage {
  redisLeaseDriver(options: { readonly url: string; readonly password?: string }): ClosableDriver;
}

/**
 * The driver that `--lease` asks for: `etcd://host:2379[,host:2379...][/prefix]`, `etcds://` with TLS,
 * `postgres://user@host/database`, `redis://[user@]host[:6379][/database]`, `rediss://` with TLS, or
 * `file:///shared/directory`. @throws UsageError for any other URL, for a password in it, and if the package of the
 * engine's driver is not installed.
 */
export async function openLeaseDriver(url: string): Promise<OpenLeaseDriver> {
  const [scheme] = url.split(':', 1);
  if (scheme === 'file') {
    return { driver: lockfileLeaseDriver({ lockPath: directoryIn(url) }), close: async () => {} };
  }
  const name = packages[scheme ?? ''];
  if (name === undefined) {
    throw new UsageError(
      '--lease takes etcd://host:port[,host:port...][/prefix], etcds://..., postgres://user@host/database, ' +
        'redis://host:port[/database], rediss://..., or file:///directory',
    );
  }
  const open = name.endsWith('-etcd') ? etcdDriver : name.endsWith('-redis') ? redisDriver : postgresDriver;
  const driver = await open(url, name);
  return { driver, close: () => driver.close() };
}

async function etcdDriver(url: string, name: string): Promise<ClosableDriver> {
  const { parseEtcdUrl, etcdLeaseDriver } = await importEngine<EtcdPackage>(name, 'etcd');
  return etcdLeaseDriver({ ...parseEtcdUrl(url), ...etcdAccess(process.env) });
}

/** The password comes from the environment, as for psql, because every user can read a command line. */
async function postgresDriver(url: string, name: string): Promise<ClosableDriver> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || parsed.password !== '' || parsed.searchParams.has('password')) {
    throw new UsageError(
      '--lease takes postgres://user@host:port/database without a password; the environment variable PGPASSWORD has it',
    );
  }
  const { postgresLeaseDriver } = await importEngine<PostgresPackage>(name, 'postgres');
  return postgresLeaseDriver({ url });
}

/** The password comes from the environment, as for redis-cli, because every user can read a command line. */
async function redisDriver(url: string, name: string): Promise<ClosableDriver> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || parsed.password !== '') {
    throw new UsageError(
      '--lease takes redis://[user@]host:port[/database] without a password; the environment variable REDISCLI_AUTH has it',
    );
  }
  const { redisLeaseDriver } = await importEngine<RedisPackage>(name, 'redis');
  const { REDISCLI_AUTH: password = '' } = process.env;
  return redisLeaseDriver({ url, ...(password === '' ? {} : { password }) });
}

function directoryIn(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new UsageError(
      `--lease ${url}: ${(error as Error).message}; it takes a URL such as file:///shared/directory`,
    );
  }
}

// First looked up next to this package, as when both are installed globally; then in the project of the working
// directory.
async function importEngine<P>(name: string, scheme: string): Promise<P> {
  for (const locate of [() => name, locateInProject]) {
    try {
      return (await import(locate(name))) as P;
    } catch (error) {
      if (!isMissing(error, name)) throw error;
    }
  }
  throw new UsageError(`--lease ${scheme}://... needs the package ${name}: npm install ${name}`);
}

function locateInProject(name: string): string {
  const require = createRequire(join(process.cwd(), 'package.json'));
  return pathToFileURL(require.resolve(name)).href;
}

// Whether the package itself is missing. If it is there and one of its own dependencies is missing, that is another
// problem. A working directory that was removed has no project.
function isMissing(error: unknown, name: string): boolean {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (syscall === 'uv_cwd') return true;
  return (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && message.includes(name);
}

/** User and certificates come from the environment, as for etcdctl, because every user can read a command line. */
function etcdAccess(env: NodeJS.ProcessEnv): object {
  const { ETCDCTL_USER: user, ETCDCTL_CACERT: ca, ETCDCTL_CERT: cert, ETCDCTL_KEY: key } = env;
  const [username = '', ...rest] = (user ?? '').split(':');
  const password = env.ETCDCTL_PASSWORD ?? rest.join(':');
  const pem = (file: string | undefined): string | undefined => (file ? readFileSync(file, 'utf8') : undefined);
  const tls = Object.fromEntries(
    Object.entries({ ca: pem(ca), cert: pem(cert), key: pem(key) }).filter(([, text]) => text !== undefined),
  );
  return {
    ...(username === '' ? {} : { username, password }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
  };
}
