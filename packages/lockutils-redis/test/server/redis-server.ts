import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether Redis can be run here; in CI its absence is a failure, elsewhere a reason to skip, told in the title. */
export const redisMissing = !['redis-server', 'redis-cli'].every((program) =>
  (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program))),
);
if (redisMissing && process.env.CI)
  throw new Error('redis-server and redis-cli are missing: apt-get install redis-server');

export const withRedis = redisMissing ? ' (skipped: needs the Debian package redis-server)' : '';

export interface ServerSettings {
  /** Further lines of the configuration, as command line options. */
  readonly flags?: readonly string[];
  /** For redis-cli too. */
  readonly password?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Serves TLS only, at the same port. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  /** Of another server, to take its place. */
  readonly port?: number;
}

/** A real Redis on loopback, on a free port, with its data in a folder of its own. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #settings: ServerSettings;
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string, settings: ServerSettings) {
    this.port = port;
    this.#folder = folder;
    this.#settings = settings;
  }

  static async start(settings: ServerSettings = {}): Promise<RedisServer> {
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'redis-'));
    const server = new RedisServer(settings.port ?? (await freePort()), folder, settings);
    try {
      await server.boot();
    } catch (error) {
      const log = readFileSync(join(folder, 'log'), 'utf8');
      await server[Symbol.asyncDispose]();
      throw new Error(`redis-server did not start:\n${log}`, { cause: error });
    }
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, also again with the data it has. Resolves when it answers. */
  async boot(): Promise<void> {
    this.launch();
    await this.until(async () => {
      const answer = await this.cli('PING').catch((error: { stderr?: string }) => error.stderr ?? '');
      return /PONG/.test(answer);
    });
  }

  launch(...more: string[]): void {
    const { flags = [], password, env, tls } = this.#settings;
    const log = openSync(join(this.#folder, 'log'), 'a');
    const port = String(this.port);
    this.#process = spawn(
      'redis-server',
      [
        ...['--bind', '127.0.0.1', '--dir', this.#folder, '--save', '', '--appendfsync', 'always'],
        ...['--repl-diskless-sync-delay', '0'],
        ...(tls === undefined ? ['--port', port] : ['--port', '0', '--tls-port', port]),
        ...(tls === undefined ? [] : ['--tls-cert-file', tls.cert, '--tls-key-file', tls.key]),
        ...(tls === undefined ? [] : ['--tls-ca-cert-file', tls.ca]),
        ...(password === undefined ? [] : ['--requirepass', password]),
        ...flags,
        ...more,
      ],
      { stdio: ['ignore', log, log], env: { ...process.env, ...env } },
    );
  }

  kill(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** SIGKILL, and wait until it is gone. */
  async crash(): Promise<void> {
    const dying = this.#process;
    this.#process = undefined;
    if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return;
    const gone = once(dying, 'exit');
    dying.kill('SIGKILL');
    await gone;
  }

  /** Removes its data from the disk. */
  forget(): void {
    for (const file of ['appendonlydir', 'dump.rdb'])
      rmSync(join(this.#folder, file), { recursive: true, force: true });
  }

  /** How long its append-only file is. */
  appended(): number {
    return statSync(this.#appendOnlyFile()).size;
  }

  /** Leaves so many bytes of its append-only file. */
  cutAppended(size: number): void {
    truncateSync(this.#appendOnlyFile(), size);
  }

  #appendOnlyFile(): string {
    const folder = join(this.#folder, 'appendonlydir');
    const name = readdirSync(folder).find((file) => file.endsWith('.incr.aof'));
    return join(folder, name ?? 'none');
  }

  async cli(...args: string[]): Promise<string> {
    const { password, tls } = this.#settings;
    const security = tls === undefined ? [] : ['--tls', '--cacert', tls.ca, '--cert', tls.cert, '--key', tls.key];
    const env = { ...process.env, ...(password === undefined ? {} : { REDISCLI_AUTH: password }) };
    const { stdout } = await run('redis-cli', ['-e', '-p', String(this.port), ...security, ...args], {
      env,
      timeout: 8000,
    });
    return stdout.trim();
  }

  /** The same while this process stands still. */
  cliSync(...args: string[]): void {
    execFileSync('redis-cli', ['-e', '-p', String(this.port), ...args], { stdio: 'pipe' });
  }

  /** The keys that are left, without the last tokens, which stay for a day. */
  async leftovers(): Promise<string> {
    const keys = (await this.cli('KEYS', '*')).split('\n');
    return keys.filter((key) => !key.endsWith(':token')).join('\n');
  }

  /** How many wait for `name`. */
  async waiters(name: string): Promise<number> {
    return Number(await this.cli('ZCARD', `oslo-concurrency:{${name}}:queue`));
  }

  /** Polls for what Redis has no event for. */
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
      await sleep(10);
    }
  }

  /** Until none waits for `name`. */
  untilEmptyQueue(name: string): Promise<void> {
    return this.until(async () => (await this.waiters(name)) === 0);
  }

  /** Until nothing is left but tokens. */
  untilEmpty(): Promise<void> {
    return this.until(async () => (await this.leftovers()) === '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.crash();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}
