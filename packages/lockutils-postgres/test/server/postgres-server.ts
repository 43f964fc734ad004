import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

const folders = [
  ...(process.env.PATH ?? '').split(':'),
  ...(existsSync('/usr/lib/postgresql')
    ? readdirSync('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`)
    : []),
  '/usr/sbin',
];
const program = (name: string): string | undefined =>
  folders.map((folder) => join(folder, name)).find((path) => existsSync(path));

/** The programs; in CI the absence of one is a failure, elsewhere a reason to skip, told in the title. */
const found = {
  postgres: program('postgres'),
  initdb: program('initdb'),
  pg_basebackup: program('pg_basebackup'),
  pgbouncer: program('pgbouncer'),
};
export const postgresMissing = Object.values(found).includes(undefined);
if (postgresMissing && process.env.CI)
  throw new Error(`missing (apt-get install postgresql pgbouncer): ${JSON.stringify(found)}`);

export const withPostgres = postgresMissing ? ' (skipped: needs the Debian packages postgresql and pgbouncer)' : '';

/** PEM files for servers and clients. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Postgres and pgbouncer refuse to run as root: then they run as nobody. */
export const unprivileged: SpawnOptions = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

/** A new folder for a server, in memory: whether the disk is slow is not what is tested. */
export function serverFolder(): string {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'postgres-'));
  chmodSync(folder, 0o700);
  giveTo(folder);
  return folder;
}

/** Makes a file readable for the servers of tests, and for no other user. */
export function giveTo(path: string): void {
  if (typeof unprivileged.uid === 'number') chownSync(path, unprivileged.uid, unprivileged.gid as number);
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Polls for what has no event. */
export async function until(condition: () => unknown, limit = 60_000): Promise<void> {
  const end = performance.now() + limit;
  let last: unknown;
  for (;;) {
    const met = await Promise.resolve()
      .then(condition)
      .catch((error: unknown) => {
        last = error;
        return false;
      });
    if (met) return;
    if (performance.now() > end) throw new Error(`not so after ${limit} ms`, { cause: last });
    await sleep(10);
  }
}

/** A real Postgres server on loopback, on a free port, with throw-away data. Its user `tester` needs no password. */
export class PostgresServer implements AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  readonly #settings: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;
  readonly #admin: pg.Pool;

  private constructor(port: number, settings: readonly string[], env: NodeJS.ProcessEnv) {
    this.folder = serverFolder();
    this.port = port;
    this.#settings = settings;
    this.#env = env;
    this.#admin = new pg.Pool({
      connectionString: this.url,
      max: 1,
      application_name: 'the test',
      idleTimeoutMillis: 0,
    });
    this.#admin.on('error', () => {});
  }

  /** `settings` such as `max_connections=8`. */
  static start(...settings: string[]): Promise<PostgresServer> {
    return PostgresServer.startIn({}, ...settings);
  }

  /** With further variables in the environment of the server. */
  static async startIn(env: NodeJS.ProcessEnv, ...settings: string[]): Promise<PostgresServer> {
    const server = new PostgresServer(await freePort(), settings, env);
    await server.#initialize();
    return server.#started();
  }

  /** A standby that copies the server at `port`, and then follows it. */
  static async standby(port: number): Promise<PostgresServer> {
    const server = new PostgresServer(await freePort(), [], {});
    await promisify(execFile)(
      found.pg_basebackup as string,
      ['--pgdata', server.#data, '--write-recovery-conf', '--checkpoint=fast', '--no-sync'].concat([
        '--dbname',
        `postgres://tester@127.0.0.1:${port}`,
      ]),
      unprivileged as object,
    );
    return server.#started();
  }

  get #data(): string {
    return join(this.folder, 'data');
  }

  // It takes seconds on a busy machine, in which the tests beside it go on.
  async #initialize(): Promise<void> {
    const auth = ['--auth=trust', '--username=tester', '--locale=C', '--encoding=UTF8'];
    await promisify(execFile)(
      found.initdb as string,
      ['--pgdata', this.#data, '--no-sync', '--no-instructions', ...auth],
      unprivileged as object,
    );
  }

  async #started(): Promise<this> {
    try {
      this.boot();
      await this.ready();
      return this;
    } catch (error) {
      const log = readFileSync(join(this.folder, 'log'), 'utf8');
      await this[Symbol.asyncDispose]();
      throw new Error(`Postgres did not start:\n${log}`, { cause: error });
    }
  }

  /** Loses all data of a server that was killed. */
  async forget(): Promise<void> {
    rmSync(this.#data, { recursive: true });
    await this.#initialize();
  }

  get endpoint(): string {
    return `127.0.0.1:${this.port}/postgres`;
  }

  get url(): string {
    return `postgres://tester@${this.endpoint}`;
  }

  /** Starts the server, also again with the data it has. */
  boot(): void {
    const log = openSync(join(this.folder, 'log'), 'a');
    const settings = [`listen_addresses=127.0.0.1`, `port=${this.port}`, 'fsync=off', 'shared_buffers=16MB'];
    // In the data folder, so that a killed server leaves nothing elsewhere.
    settings.push('dynamic_shared_memory_type=mmap');
    const flags = [...settings, `unix_socket_directories=${this.folder}`, ...this.#settings].flatMap((one) => [
      '-c',
      one,
    ]);
    this.#process = spawn(found.postgres as string, ['-D', this.#data, ...flags], {
      ...unprivileged,
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', log, log],
    });
  }

  /** Resolves when the server answers. What was left of it from before may keep it from starting for a moment. */
  async ready(): Promise<void> {
    await until(async () => {
      if (this.#process?.exitCode !== null) this.boot();
      return this.sql('SELECT 1');
    });
  }

  /** All processes of the server: each is the leader of a session of its own. The first of them begins no other one now. */
  #pids(): number[] {
    const parent = this.#process?.pid;
    if (parent === undefined || this.#process?.exitCode !== null) return [];
    // A process that it began after the look would answer while the others stand still, or outlive them.
    if (this.#process.kill('SIGSTOP')) while (!/^State:\s+[TZX]/m.test(readFileSync(`/proc/${parent}/status`, 'utf8')));
    const children = readdirSync('/proc').filter((name) => {
      if (!/^\d+$/.test(name)) return false;
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
      } catch {
        return false;
      }
    });
    return [parent, ...children.map(Number)];
  }

  /** Sends a signal to every process of the server. */
  kill(signal: NodeJS.Signals): void {
    for (const pid of this.#pids()) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has just ended.
      }
    }
  }

  /** Starts it again after a crash, with the data it has; resolves when it answers. */
  async reboot(): Promise<void> {
    this.boot();
    await this.ready();
  }

  /** SIGKILL to all of it, and wait until it is gone. */
  async crash(): Promise<void> {
    const dying = this.#process;
    if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return;
    const gone = once(dying, 'exit');
    this.kill('SIGKILL');
    await gone;
    this.#process = undefined;
  }

  async sql<Row extends object = { readonly [column: string]: unknown }>(
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    return (await this.#admin.query(text, values)).rows as Row[];
  }

  /** What is left of drivers in the tables: holders and waiters. */
  async claims(table = 'oslo_leases_claims'): Promise<number> {
    const [row] = await this.sql<{ claims: number }>(`SELECT count(*)::int AS claims FROM ${table}`);
    return row?.claims ?? Number.NaN;
  }

  /** The connections of everybody but the test itself. */
  async connections(): Promise<number> {
    const [row] = await this.sql<{ connections: number }>(
      `SELECT count(*)::int AS connections FROM pg_stat_activity
       WHERE backend_type = 'client backend' AND application_name <> 'the test'`,
    );
    return row?.connections ?? Number.NaN;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGCONT');
    await this.#admin.end().catch(() => {});
    await this.crash();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A folder of the server for a file. */
  path(name: string): string {
    mkdirSync(this.folder, { recursive: true });
    return join(this.folder, name);
  }
}

export const pgbouncer = (): string => found.pgbouncer as string;
