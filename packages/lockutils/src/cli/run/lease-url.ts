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

const etcdPackage = '@oslo-concurrency/lockutils-etcd';

/** The functions used from the package of the etcd driver. This package does not depend on it. */
interface EtcdPackage {
  parseEtcdUrl(url: string): { readonly endpoints: string | readonly string[]; readonly prefix?: string };
  etcdLeaseDriver(options: object): LeaseDriver & { close(): Promise<void> };
}

/**
 * The driver that `--lease` asks for: `etcd://host:2379[,host:2379...][/prefix]`, `etcds://` with TLS, or
 * `file:///shared/directory`. @throws UsageError for any other URL, and if the package of the etcd driver is not
 * installed.
 */
export async function openLeaseDriver(url: string): Promise<OpenLeaseDriver> {
  const [scheme] = url.split(':', 1);
  if (scheme === 'file') {
    return { driver: lockfileLeaseDriver({ lockPath: directoryIn(url) }), close: async () => {} };
  }
  if (scheme !== 'etcd' && scheme !== 'etcds') {
    throw new UsageError('--lease takes etcd://host:port[,host:port...][/prefix], etcds://..., or file:///directory');
  }
  const { parseEtcdUrl, etcdLeaseDriver } = await importEtcd();
  const driver = etcdLeaseDriver({ ...parseEtcdUrl(url), ...etcdAccess(process.env) });
  return { driver, close: () => driver.close() };
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
async function importEtcd(): Promise<EtcdPackage> {
  for (const locate of [() => etcdPackage, locateInProject]) {
    try {
      return (await import(locate())) as EtcdPackage;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  throw new UsageError(`--lease etcd://... needs the package ${etcdPackage}: npm install ${etcdPackage}`);
}

function locateInProject(): string {
  const require = createRequire(join(process.cwd(), 'package.json'));
  return pathToFileURL(require.resolve(etcdPackage)).href;
}

// Whether the package itself is missing. If it is there and one of its own dependencies is missing, that is another
// problem. A working directory that was removed has no project.
function isMissing(error: unknown): boolean {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (syscall === 'uv_cwd') return true;
  return (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && message.includes(etcdPackage);
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
