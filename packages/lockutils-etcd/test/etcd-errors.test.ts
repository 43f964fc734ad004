import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { type HeldLease, lease } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EtcdOptions, etcdLeaseDriver, withFence } from '../src/index.js';
import { makeCertificates } from './support/certificates.js';
import { EtcdCluster, etcdMissing, freePorts, type TlsFiles, withEtcd } from './support/etcd-cluster.js';
import { SlowProxy } from './support/slow-proxy.js';

// Long enough that no error is one of being late.
const ttl = 10_000;

/** What `lease` rejects with; fails when it is granted. */
async function refusal(options: EtcdOptions, name = 'job'): Promise<Error & { code?: string }> {
  await using driver = etcdLeaseDriver({ requestTimeout: 10_000, ...options });
  return await lease(name, { driver, ttl }).then(
    () => expect.fail('it was granted'),
    (error: Error) => error,
  );
}
async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

describe('what is wrong with an endpoint has an error of its own, which names it', () => {
  test('a full database: the error says how to make room and how to clear the alarm', async () => {
    await using small = await EtcdCluster.start(1, undefined, ['--quota-backend-bytes', String(512 * 1024)]);
    const value = 'x'.repeat(100_000);
    let full = false;
    for (let n = 0; n < 30 && !full; n++) {
      full = await small.etcdctl('put', `filler/${n}`, value).then(
        () => false,
        () => true,
      );
    }
    expect(full).toBe(true);
    const error = await refusal({ endpoints: small.endpoints });
    expect(error).toMatchObject({ code: 'ERR_ETCD_REQUEST', grpcCode: 8 });
    expect(error.message).toContain('database space exceeded');
    for (const step of ['etcdctl compaction', 'etcdctl defrag', '--quota-backend-bytes', 'etcdctl alarm disarm']) {
      expect(error.message).toContain(step);
    }
  });

  test('nobody listens', async () => {
    const [port] = await freePorts(1);
    const endpoints = `http://127.0.0.1:${port}`;
    const error = await refusal({ endpoints });
    expect(error).toMatchObject({ code: 'ERR_ETCD_UNREACHABLE', endpoint: endpoints, maybeApplied: false });
    expect(error.message).toContain(`etcd at ${endpoints}: cannot be reached (ECONNREFUSED)`);
    expect(error.cause).toBeInstanceOf(Error);
  });

  test('an unknown host', async () => {
    expect(await refusal({ endpoints: 'http://nowhere.invalid:2379' })).toMatchObject({ code: 'ERR_ETCD_UNREACHABLE' });
  });

  test('it accepts connections and never answers', async () => {
    const server = createServer();
    const endpoints = await listening(server);
    expect(await refusal({ endpoints, requestTimeout: 100 })).toMatchObject({ code: 'ERR_ETCD_TIMEOUT', timeout: 100 });
    server.close();
  });

  test.each([
    ['a web server', 404, '<html>no such page</html>'],
    ['a web server that is content with everything', 200, '<html>hello</html>'],
    ['another service with a version', 200, '{"version":"1.0"}'],
  ])('%s is not etcd', async (_, status, body) => {
    const server = createHttpServer((_request, response) => response.writeHead(status).end(body));
    const error = await refusal({ endpoints: await listening(server) });
    expect(error).toMatchObject({ code: 'ERR_NOT_ETCD' });
    expect(error.message).toContain(body);
    server.close();
  });

  test('an etcd before 3.4', async () => {
    const server = createHttpServer((_request, response) =>
      response.end('{"etcdserver":"3.3.25","etcdcluster":"3.3.0"}'),
    );
    const error = await refusal({ endpoints: await listening(server) });
    expect(error).toMatchObject({ code: 'ERR_ETCD_TOO_OLD', version: '3.3.25' });
    server.close();
  });

  test('several endpoints: one error with that of each', async () => {
    const [one, two] = await freePorts(2);
    const endpoints = [`http://127.0.0.1:${one}`, `http://127.0.0.1:${two}`];
    const error = await refusal({ endpoints });
    expect(error).toMatchObject({
      code: 'ERR_ETCD_UNAVAILABLE',
      failures: [{ endpoint: endpoints[0] }, { endpoint: endpoints[1] }],
    });
    for (const endpoint of endpoints) expect(error.message).toContain(endpoint);
  });

  test.each([
    ['endpoints', { endpoints: [] }],
    ['endpoints', { endpoints: '127.0.0.1:2379' }],
    ['endpoints', { endpoints: 'http://127.0.0.1:2379/v3' }],
    ['endpoints', { endpoints: 'http://me:secret@127.0.0.1:2379' }],
    ['endpoints', { endpoints: 'ftp://127.0.0.1' }],
    ['prefix', { endpoints: 'http://a', prefix: 5 }],
    ['username', { endpoints: 'http://a', username: 'me' }],
    ['requestTimeout', { endpoints: 'http://a', requestTimeout: 0 }],
    ['tls', { endpoints: 'http://a', tls: 'yes' }],
  ])('misuse of %s is refused before anything is connected (%#)', (option, options) => {
    const refused = (): unknown => etcdLeaseDriver(options as EtcdOptions);
    expect(refused).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option }));
    expect(refused).not.toThrow(/secret/);
  });
});

describe.skipIf(etcdMissing)(`a process that is busy${withEtcd}`, () => {
  test('does not take an answer for late that came while it did not look', async () => {
    await using cluster = await EtcdCluster.start(1);
    const requestTimeout = 600;
    await using driver = etcdLeaseDriver({ endpoints: cluster.endpoints, requestTimeout });
    const asked = lease('job', { driver, ttl: 10_000 });
    // The requests go out one after the other; whichever it is that the busy time falls into.
    for (let turn = 0; turn < 3; turn++) {
      await new Promise((passed) => setTimeout(passed, 5));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * requestTimeout);
    }
    await (await asked).release();
  });

  test('still gives up on a member that does not answer', async () => {
    const server = createServer();
    const endpoints = await listening(server);
    const refused = refusal({ endpoints, requestTimeout: 100 });
    for (let turn = 0; turn < 3; turn++) {
      await new Promise((passed) => setTimeout(passed, 5));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
    expect(await refused).toMatchObject({ code: 'ERR_ETCD_TIMEOUT', timeout: 100 });
    server.close();
  });
});

describe.skipIf(etcdMissing)(`etcd as it is not expected${withEtcd}`, () => {
  test.each(process.env.SOAK ? [150, 900] : [150])(
    'a ttl too small for the way to it, %i ms each way: nothing is held, nothing is left',
    async (delay) => {
      await using cluster = await EtcdCluster.start(1);
      await using proxy = await SlowProxy.start(cluster.endpoints[0] as string, delay);
      await using driver = etcdLeaseDriver({ endpoints: proxy.url, requestTimeout: 5000 });
      await expect(lease('job', { driver, ttl: 1000 })).rejects.toMatchObject({
        code: 'ERR_LEASE_TTL_TOO_SHORT',
        ttl: 1000,
      });
      proxy.delay = 0;
      await cluster.until(async () => (await cluster.leftovers()) === '');
    },
  );

  test('endpoints of two clusters: the second is refused, though the first is down', async () => {
    await using one = await EtcdCluster.start(1);
    await using other = await EtcdCluster.start(1);
    await using driver = etcdLeaseDriver({ endpoints: [...one.endpoints, ...other.endpoints] });
    await lease('job', { driver, ttl }, () => {});
    await one.members[0]?.crash();
    await expect(lease('job', { driver, ttl })).rejects.toMatchObject({
      code: 'ERR_ETCD_CLUSTER_MISMATCH',
      endpoint: other.endpoints[0],
    });
  });
});

describe.skipIf(etcdMissing)(`etcd with TLS and client certificates${withEtcd}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'certificates-'));
  let files: TlsFiles;
  let foreign: TlsFiles;
  let cluster: EtcdCluster;

  beforeAll(async () => {
    files = makeCertificates(folder, 'ours');
    foreign = makeCertificates(folder, 'foreign');
    cluster = await EtcdCluster.start(1, files);
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  const pem = (from: TlsFiles) => ({
    ca: readFileSync(from.ca),
    cert: readFileSync(from.cert),
    key: readFileSync(from.key),
  });

  test('a lease is held, renewed, waited for, and fences', async () => {
    await using driver = etcdLeaseDriver({ endpoints: cluster.endpoints, tls: pem(files) });
    // Certificates are what this is about; a ttl that can run out while the machine is busy is not.
    const ttl = 60_000;
    const held = await lease('job', { driver, ttl });
    await held.renew();
    await withFence(held, [{ put: 'value', value: 'x' }]);
    const next = lease('job', { driver, ttl, onWait: () => void held.release() });
    await (await next).release();
    await cluster.etcdctl('del', 'value');
    expect(await cluster.leftovers()).toBe('');
  });

  test('an authority that Node does not know', async () => {
    const error = await refusal({ endpoints: cluster.endpoints });
    expect(error).toMatchObject({ code: 'ERR_ETCD_TLS', endpoint: cluster.endpoints[0] });
  });

  test('a certificate of another authority, for the server and for the client', async () => {
    expect(await refusal({ endpoints: cluster.endpoints, tls: pem(foreign) })).toMatchObject({ code: 'ERR_ETCD_TLS' });
    const error = await refusal({ endpoints: cluster.endpoints, tls: { ...pem(foreign), ca: readFileSync(files.ca) } });
    expect(error).toMatchObject({ code: 'ERR_ETCD_TLS' });
  });

  test('no client certificate where one is wanted', async () => {
    expect(await refusal({ endpoints: cluster.endpoints, tls: { ca: readFileSync(files.ca) } })).toMatchObject({
      code: 'ERR_ETCD_TLS',
    });
  });

  test('a certificate that is no certificate', async () => {
    const error = await refusal({
      endpoints: cluster.endpoints,
      tls: { ca: 'nonsense', cert: 'nonsense', key: 'nonsense' },
    });
    expect(error).toMatchObject({ code: 'ERR_ETCD_TLS' });
  });

  test('the name in the certificate is another', async () => {
    const tls = { ...pem(files), serverName: 'etcd.example' };
    expect(await refusal({ endpoints: cluster.endpoints, tls })).toMatchObject({ code: 'ERR_ETCD_TLS' });
  });

  test('http where https is spoken', async () => {
    const endpoints = cluster.endpoints.map((url) => url.replace('https', 'http'));
    const error = await refusal({ endpoints });
    expect(error).toMatchObject({ code: 'ERR_ETCD_UNREACHABLE' });
    expect(error.message).toContain('http or https?');
  });
});

describe.skipIf(etcdMissing)(`etcd with authentication${withEtcd}`, () => {
  let cluster: EtcdCluster;
  const password = 'a-secret-of-mine';

  beforeAll(async () => {
    cluster = await EtcdCluster.start(1);
    await cluster.etcdctl('user', 'add', `root:${password}`);
    await cluster.etcdctl('user', 'grant-role', 'root', 'root');
    await cluster.etcdctl('user', 'add', `me:${password}`);
    await cluster.etcdctl('role', 'add', 'locker');
    await cluster.etcdctl('role', 'grant-permission', 'locker', 'readwrite', 'mine/', '--prefix');
    await cluster.etcdctl('user', 'grant-role', 'me', 'locker');
    await cluster.etcdctl('auth', 'enable');
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });
  const mine = () => ({ endpoints: cluster.endpoints, prefix: 'mine', username: 'me', password });

  test('a lease is held, waited for, and kept through a restart that forgets all tokens', async () => {
    await using driver = etcdLeaseDriver(mine());
    const held = await lease('job', { driver, ttl: 30_000 });
    let next: Promise<HeldLease> | undefined;
    await new Promise<void>((waits) => {
      next = lease('job', { driver, ttl: 30_000, onWait: () => waits() });
    });
    await cluster.members[0]?.crash();
    for (const member of cluster.members) cluster.boot(member);
    await cluster.until(() => held.renew().then(() => true));
    await held.release();
    await (await next)?.release();
    expect(await cluster.etcdctl('--user', `root:${password}`, 'lease', 'list')).toContain('found 0 leases');
  });

  test.each([
    ['a wrong password', { password: 'another' }, 'job'],
    ['an unknown user', { username: 'nobody' }, 'job'],
    ['no permission on the prefix', { prefix: 'theirs' }, 'job'],
  ])('%s', async (_, change, name) => {
    const error = await refusal({ ...mine(), ...change }, name);
    expect(error).toMatchObject({ code: 'ERR_ETCD_AUTH', endpoint: cluster.endpoints[0] });
    expect(inspect(error, { depth: 9 })).not.toContain(password);
    expect(await cluster.etcdctl('--user', `root:${password}`, 'lease', 'list')).toContain('found 0 leases');
  });

  test('no user at all', async () => {
    expect(await refusal({ endpoints: cluster.endpoints, prefix: 'mine' })).toMatchObject({ code: 'ERR_ETCD_AUTH' });
  });
});
