import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';

/** The path of a program in test/fixtures. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
}

let tokens = 0;
const given = new Set<string>();

/** A duration for `sleep` that no other process of this machine has, so that its processes can be told apart. */
export function uniqueSleep(): string {
  tokens += 1;
  const token = `3600.${process.pid}${String(tokens).padStart(4, '0')}${Math.floor(Math.random() * 1e6)}`;
  given.add(token);
  return token;
}

/** The pids of the living processes that have `token` in their arguments: found without what the package uses. */
export function processesWith(token: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && isAlive(pid) && readOf(pid, 'cmdline').includes(token));
}

/** Whether a process lives; a zombie does not. */
export function isAlive(pid: number): boolean {
  return /^State:\s+[^ZX]/m.test(readOf(pid, 'status'));
}

/**
 * Whether a process has got SIGKILL, or has gone: it runs no instruction of its program any more, and a busy machine clears it
 * away later. It may go while it is looked at.
 */
export function isKilled(pid: number): boolean {
  const pending = [...readOf(pid, 'status').matchAll(/^(?:Sig|Shd)Pnd:\s+([0-9a-f]+)/gm)];
  if (pending.some(([, bits = '0']) => BigInt(`0x${bits}`) & (1n << 8n))) return true;
  const [flags] = readOf(pid, 'stat')
    .replace(/^.*\) /, '')
    .split(' ')
    .slice(6);
  const exiting = 0x4;
  return flags === undefined || (Number(flags) & exiting) !== 0;
}

/** The pid of a process's parent. */
export function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readOf(pid, 'status'))?.[1] ?? 0);
}

/**
 * Milliseconds that go on only while this thread has a processor or has nothing to do: what a loaded machine adds to a
 * measurement, by letting the thread wait for its turn, is left out. Linux counts that.
 */
export function unloadedNow(): number {
  let waited = 0;
  try {
    waited = Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[1]) / 1e6;
  } catch {
    // No such figure here: the wall clock has to do.
  }
  return performance.now() - waited;
}

/** Waits until `condition` holds; says how many unloaded ms that took. A busy machine may take seconds to start a process. */
export async function until(condition: () => boolean, limit = 20_000): Promise<number> {
  const start = performance.now();
  const unloaded = unloadedNow();
  while (!condition()) {
    if (performance.now() - start > limit) throw new Error(`not within ${limit} ms: ${condition}`);
    await pause(5);
  }
  return unloadedNow() - unloaded;
}

/** How many bytes a process has written so far. */
export function bytesWritten(pid: number): number {
  return Number(/^wchar: (\d+)$/m.exec(readOf(pid, 'io'))?.[1]);
}

/** How often a process has called the system to read. */
export function readCalls(pid: number): number {
  return Number(/^syscr: (\d+)$/m.exec(readOf(pid, 'io'))?.[1]);
}

/**
 * Resolves when something holds a process up: it sleeps, and has written nothing more, at twenty looks in a row; or when it
 * has written more than `most` bytes, so nothing does.
 */
export async function heldUp(pid: number, most: number): Promise<void> {
  let before = -1;
  let looks = 0;
  await until(() => {
    const written = bytesWritten(pid);
    looks = written === before && /^State:\s+S/m.test(readOf(pid, 'status')) ? looks + 1 : 0;
    before = written;
    return looks === 20 || written > most;
  });
}

/** Ends after each test of the file what the test left on purpose: the processes of the tokens that it took. */
export function endLeftovers(): void {
  afterEach(() => {
    for (const token of given) killAll(token);
    given.clear();
  });
}

/**
 * Ends what a test left on purpose; nothing when it took no token.
 *
 * Only a token of {@link uniqueSleep} names processes of a test. Any other text, '' and 'none' above all, stands in the
 * arguments of strangers: the shell that runs the tests, a service of the machine.
 */
export function killAll(token: string | undefined): void {
  if (token === undefined) return;
  if (!given.has(token)) throw new TypeError(`killAll takes what uniqueSleep gave; got '${token}'`);
  for (const pid of processesWith(token)) process.kill(pid, 'SIGKILL');
}

function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
