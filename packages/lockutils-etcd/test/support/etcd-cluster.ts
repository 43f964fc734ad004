import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether etcd can be run here; in CI its absence is a failure, elsewhere a reason to skip, told in the title. */
export const etcdMissing = !['etcd', 'etcdctl'].every((program) =>
  (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program))),
);
if (etcdMissing && process.env.CI)
  throw new Error('etcd and etcdctl are missing: apt-get install etcd-server etcd-client');

export const withEtcd = etcdMissing ? ' (skipped: needs the Debian packages etcd-server and etcd-client)' : '';

/** PEM files for servers and clients. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A real etcd process. */
export class Member {
  readonly name: string;
  readonly url: string;
  readonly peerUrl: string;
  readonly dataDir: string;
  process: ChildProcess | undefined;

  constructor(name: string, url: string, peerUrl: string, dataDir: string) {
    this.name = name;
    this.url = url;
    this.peerUrl = peerUrl;
    this.dataDir = dataDir;
  }

  kill(signal: NodeJS.Signals): void {
    this.process?.kill(signal);
  }

  /** SIGKILL, and wait until it is gone. */
  async crash(): Promise<void> {
    const dying = this.process;
    this.process = undefined;
    if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return;
    const gone = once(dying, 'exit');
    dying.kill('SIGKILL');
    await gone;
  }
}

/** A real etcd cluster on loopback, on free ports, with its data in a folder of its own. */
export class EtcdCluster implements AsyncDisposable {
  readonly members: readonly Member[];
  readonly #folder: string;
  readonly #tls: TlsFiles | undefined;
  readonly #flags: readonly string[];

  private constructor(members: readonly Member[], folder: string, tls: TlsFiles | undefined, flags: readonly string[]) {
    this.members = members;
    this.#folder = folder;
    this.#tls = tls;
    this.#flags = flags;
  }

  static async start(size: number, tls?: TlsFiles, flags: readonly string[] = []): Promise<EtcdCluster> {
    // fsync on a busy disk makes leaders change by itself; whether the disk is slow is not what is tested.
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'etcd-'));
    const ports = await freePorts(size * 2);
    const scheme = tls === undefined ? 'http' : 'https';
    const members = Array.from({ length: size }, (_, n) => {
      const [client, peer] = [`${scheme}://127.0.0.1:${ports[2 * n]}`, `http://127.0.0.1:${ports[2 * n + 1]}`];
      return new Member(`m${n}`, client, peer, join(folder, `m${n}`));
    });
    const cluster = new EtcdCluster(members, folder, tls, flags);
    try {
      await Promise.all(members.map((member) => cluster.boot(member)));
      await cluster.healthy();
    } catch (error) {
      const log = members.map(({ dataDir }) => readFileSync(`${dataDir}.log`, 'utf8')).join('\n');
      await cluster[Symbol.asyncDispose]();
      throw new Error(`etcd did not start:\n${log}`, { cause: error });
    }
    return cluster;
  }

  get endpoints(): string[] {
    return this.members.map(({ url }) => url);
  }

  /** Starts a member, also again with the data it has. */
  boot(member: Member): void {
    const log = openSync(`${member.dataDir}.log`, 'a');
    member.process = spawn(
      'etcd',
      [
        ...['--name', member.name, '--data-dir', member.dataDir, '--log-level', 'warn'],
        ...['--listen-client-urls', member.url, '--advertise-client-urls', member.url],
        ...['--listen-peer-urls', member.peerUrl, '--initial-advertise-peer-urls', member.peerUrl],
        ...['--initial-cluster', this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')],
        ...['--heartbeat-interval', '50', '--election-timeout', '500'],
        ...this.#flags,
        ...(this.#tls === undefined ? [] : ['--cert-file', this.#tls.cert, '--key-file', this.#tls.key]),
        ...(this.#tls === undefined ? [] : ['--client-cert-auth', '--trusted-ca-file', this.#tls.ca]),
      ],
      { stdio: ['ignore', log, log] },
    );
  }

  /** Resolves when a majority serves requests. */
  async healthy(): Promise<void> {
    await this.until(() => this.etcdctl('get', 'health').then(() => true));
  }

  /** The leader as the members that answer see it. */
  async leader(): Promise<Member> {
    let found: Member | undefined;
    await this.until(async () => {
      for (const member of this.members) {
        const text = await run('etcdctl', ['--endpoints', member.url, 'endpoint', 'status', '-w', 'json'], {
          timeout: 1000,
        }).catch(() => ({ stdout: '[]' }));
        const [answer] = JSON.parse(text.stdout) as { Status: { header: { member_id: number }; leader: number } }[];
        if (answer !== undefined && answer.Status.leader === answer.Status.header.member_id) found = member;
      }
      return found !== undefined;
    });
    return found as Member;
  }

  /** Polls for what etcd has no event for. */
  async until(condition: () => Promise<boolean>, limit = 60_000): Promise<void> {
    const end = performance.now() + limit;
    let last: unknown;
    for (;;) {
      const met = await condition().catch((error: unknown) => {
        last = error;
        return false;
      });
      if (met) return;
      if (performance.now() > end) throw new Error(`not so after ${limit} ms`, { cause: last });
      await sleep(20);
    }
  }

  async etcdctl(...args: string[]): Promise<string> {
    const { stdout } = await run('etcdctl', [...this.etcdctlFlags(), ...args], {
      env: this.etcdctlEnv(),
      timeout: 8000,
    });
    return stdout;
  }

  etcdctlFlags(): string[] {
    const tls = this.#tls;
    const certificates = tls === undefined ? [] : ['--cacert', tls.ca, '--cert', tls.cert, '--key', tls.key];
    return ['--endpoints', this.endpoints.join(','), ...certificates];
  }

  etcdctlEnv(): NodeJS.ProcessEnv {
    return { ...process.env, ETCDCTL_API: '3' };
  }

  /** What is left in etcd: its leases and its keys. */
  async leftovers(prefix = ''): Promise<string> {
    const leases = await this.etcdctl('lease', 'list');
    const keys = await this.etcdctl('get', prefix, '--prefix', '--keys-only');
    return `${leases}${keys}`.replace('found 0 leases', '').trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member.crash()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Ports that are free now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}
