import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './redis-server.js';

/** A real sentinel that watches one master, and promotes a replica of it half a second after it has gone. */
export class Sentinel implements AsyncDisposable {
  /** The name of the master. */
  readonly name = 'watched';
  readonly port: number;
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(port: number, folder: string, process: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#process = process;
  }

  /** `quorum`: how many sentinels must agree that the master is down; more than there are begin no failover. */
  static async start(master: number, quorum = 1): Promise<Sentinel> {
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sentinel-'));
    const port = await freePort();
    const lines = [
      ...[`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, `sentinel monitor watched 127.0.0.1 ${master} ${quorum}`],
      ...['sentinel down-after-milliseconds watched 500', 'sentinel failover-timeout watched 5000'],
    ];
    // It writes what it learns into its configuration.
    writeFileSync(join(folder, 'sentinel.conf'), `${lines.join('\n')}\n`);
    const process = spawn('redis-server', [join(folder, 'sentinel.conf'), '--sentinel'], { stdio: 'ignore' });
    return new Sentinel(port, folder, process);
  }

  async cli(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('redis-cli', ['-e', '-p', String(this.port), ...args], {
      timeout: 8000,
    });
    return stdout.trim();
  }

  /** The port of the server that it calls the master. */
  async master(): Promise<number> {
    return Number((await this.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.name)).split('\n')[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const gone = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await gone;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
