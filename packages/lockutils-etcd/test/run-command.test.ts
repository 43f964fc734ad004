import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { EtcdCluster, etcdMissing, freePorts, withEtcd } from './support/etcd-cluster.js';

const lockutils = join(
  dirname(fileURLToPath(import.meta.resolve('@oslo-concurrency/lockutils/package.json'))),
  'bin',
  'lockutils.js',
);
const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

interface Run {
  readonly process: ChildProcess;
  readonly ended: Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }>;
  says(text: string): Promise<void>;
}

/** `lockutils run --lease url name ...args` */
function run(url: string, name: string, ...args: string[]): Run {
  const child = spawn(process.execPath, [lockutils, 'run', '--lease', url, name, ...args]);
  started.push(child);
  const output = { stdout: '', stderr: '' };
  let changed = (): void => {};
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (data: Buffer) => {
      output[stream] += data;
      changed();
    });
  }
  const ended = once(child, 'close').then(([status]) => {
    changed();
    return { status, ...output };
  });
  const says = async (text: string): Promise<void> => {
    while (!output.stdout.includes(text)) {
      if (child.exitCode !== null) throw new Error(`ended without saying ${text}: ${JSON.stringify(output)}`);
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
    }
  };
  return { process: child, ended, says };
}

describe.skipIf(etcdMissing)(`lockutils run --lease etcd://${withEtcd}`, () => {
  let cluster: EtcdCluster;
  let url: string;
  beforeAll(async () => {
    cluster = await EtcdCluster.start(1);
    url = `etcd://${new URL(cluster.endpoints[0] as string).host}/jobs`;
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  const long = ['--', 'sh', '-c', 'echo ready; exec sleep 600'];
  const token = ['--', 'sh', '-c', 'echo $OSLO_FENCING_TOKEN'];

  test('runs under the prefix of the URL, with a token that grows, and leaves nothing in etcd', async () => {
    const holder = run(url, 'x', '--', 'sh', '-c', 'echo $OSLO_FENCING_TOKEN; echo ready; read line');
    await holder.says('ready');
    expect(await cluster.leftovers('jobs/x')).not.toBe('');
    const next = run(url, 'x', ...token);
    holder.process.stdin?.end('\n');
    const [first, second] = await Promise.all([holder.ended, next.ended]);
    expect([first.status, second.status]).toEqual([0, 0]);
    expect(BigInt(second.stdout)).toBeGreaterThan(BigInt(first.stdout.replace('ready\n', '')));
    expect(await cluster.leftovers()).toBe('');
  });

  test('is refused, or late, while another holds it, and names it', async () => {
    const holder = run(url, 'x', '--label', 'the holder', ...long);
    await holder.says('ready');
    const [refused, late] = await Promise.all([
      run(url, 'x', '--no-wait', '-E', '5', ...token).ended,
      run(url, 'x', '--timeout', '2s', ...token).ended,
    ]);
    expect(refused).toMatchObject({ status: 5, stdout: '' });
    expect(late).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('the holder') });
    holder.process.kill('SIGTERM');
    expect((await holder.ended).status).toBe(143);
    expect(await cluster.leftovers()).toBe('');
  });

  test('ends the command with 75 when its lease is gone', async () => {
    const leases = async (): Promise<string[]> => (await cluster.etcdctl('lease', 'list')).trim().split('\n').slice(1);
    const others = await leases();
    const holder = run(url, 'x', '--ttl', '2s', ...long);
    await holder.says('ready');
    for (const lease of await leases()) if (!others.includes(lease)) await cluster.etcdctl('lease', 'revoke', lease);
    const { status, stderr } = await holder.ended;
    expect(status).toBe(75);
    expect(stderr).toContain('Lost the lease x');
  });

  test('ends the command with 75 when etcd cannot be reached for too long', async () => {
    const alone = await EtcdCluster.start(1);
    try {
      const holder = run(`etcd://${new URL(alone.endpoints[0] as string).host}`, 'x', '--ttl', '2s', ...long);
      await holder.says('ready');
      alone.members[0]?.kill('SIGSTOP');
      const { status, stderr } = await holder.ended;
      expect(status).toBe(75);
      expect(stderr).toContain('Lost the lease x');
    } finally {
      alone.members[0]?.kill('SIGCONT');
      await alone[Symbol.asyncDispose]();
    }
  });

  test('says 71 and which endpoint when there is no etcd, and 64 for a password in the URL', async () => {
    const [port] = await freePorts(1);
    const [nobody, secret] = await Promise.all([
      run(`etcd://127.0.0.1:${port}`, 'x', '--timeout', '30s', ...token).ended,
      run('etcd://ann:secret@127.0.0.1', 'x', ...token).ended,
    ]);
    expect(nobody).toMatchObject({ status: 71, stdout: '', stderr: expect.stringContaining(`127.0.0.1:${port}`) });
    expect(secret).toMatchObject({ status: 64, stdout: '', stderr: expect.not.stringContaining('secret') });
  });
});
