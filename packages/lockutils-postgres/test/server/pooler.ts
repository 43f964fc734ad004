import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import {
  freePort,
  giveTo,
  type PostgresServer,
  pgbouncer,
  serverFolder,
  unprivileged,
  until,
} from './postgres-server.js';

/** A real pgbouncer in transaction mode in front of a server, with few connections: each client gets another one. */
export class Pooler implements AsyncDisposable {
  readonly #folder = serverFolder();
  readonly #port: number;
  #process: ChildProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
  }

  static async start(server: PostgresServer, settings: { readonly [name: string]: number } = {}): Promise<Pooler> {
    const pooler = new Pooler(await freePort());
    const lines = {
      listen_addr: '127.0.0.1',
      listen_port: pooler.#port,
      unix_socket_dir: '',
      auth_type: 'trust',
      auth_file: join(pooler.#folder, 'users'),
      pool_mode: 'transaction',
      default_pool_size: 3,
      ignore_startup_parameters: 'extra_float_digits',
      ...settings,
    };
    const text = Object.entries(lines).map(([name, value]) => `${name} = ${value}`);
    const files = {
      users: '"tester" ""\n',
      ini: `[databases]\n* = host=127.0.0.1 port=${server.port}\n[pgbouncer]\n${text.join('\n')}\n`,
    };
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(pooler.#folder, name), content);
      giveTo(join(pooler.#folder, name));
    }
    await pooler.boot();
    return pooler;
  }

  get url(): string {
    return `postgres://tester@127.0.0.1:${this.#port}/postgres`;
  }

  async boot(): Promise<void> {
    const log = openSync(join(this.#folder, 'log'), 'a');
    this.#process = spawn(pgbouncer(), [join(this.#folder, 'ini')], { ...unprivileged, stdio: ['ignore', log, log] });
    await until(async () => {
      const client = new pg.Client(this.url);
      client.on('error', () => {});
      try {
        await client.connect();
        return await client.query('SELECT 1');
      } finally {
        await client.end().catch(() => {});
      }
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async crash(): Promise<void> {
    const dying = this.#process;
    if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return;
    const gone = once(dying, 'exit');
    dying.kill('SIGKILL');
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.crash();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
