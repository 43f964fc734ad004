import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { Grant } from '../../../build/drivers/driver.js';
import { lockfileDriver } from '../../../build/drivers/lockfile/driver.js';
import { Contender, type Mode, type Order } from './contender.js';

/** Before which file system call of which order a process fails; a call that there is not: after all of them. */
export interface Point {
  readonly order: Order['do'];
  readonly call: number;
  readonly name: string;
}

/** Whether a process that dies before this call leaves something else than one that dies before the call after it. */
export function changesAnything({ name }: Point): boolean {
  return name !== 'exists' && name !== 'readdir' && name !== 'readFile';
}

const driver = lockfileDriver({ synchronous: true });

/** What a fresh contender, in this process, comes to by one attempt. */
export async function attempt(path: string, mode: Mode = {}): Promise<Grant | undefined> {
  return driver.tryAcquire({
    ...{ name: 'contended', path, shared: false, permits: undefined, label: undefined },
    ...mode,
  });
}

/**
 * Takes the lock and gives it back; whether it was told of a death, and `undefined` when it did not get it. Nobody else gets
 * it meanwhile.
 */
export async function told(path: string, mode: Mode = {}): Promise<boolean | undefined> {
  const grant = await attempt(path, mode);
  if (grant !== undefined) {
    expect(await attempt(path)).toBeUndefined();
    if (mode.permits === 1) expect(await attempt(path, mode)).toBeUndefined();
  }
  await grant?.release();
  return grant?.previousOwnerDied;
}

/** Lets one process take each of the locks in all these ways, and die. */
export async function dieHolding(paths: readonly string[], modes: readonly Mode[]): Promise<void> {
  const victim = await Contender.start('synchronous');
  for (const path of paths) {
    for (const mode of modes) expect(await victim.try(path, mode)).toMatchObject({ granted: true });
  }
  await victim.kill();
}

/** A lock path for each lock, as the first attempt in one also sweeps it, call by call. */
export class LockPaths {
  readonly #directory = mkdtempSync(join(tmpdir(), 'lock-path-'));
  #count = 0;

  take(count: number): string[] {
    return Array.from({ length: count }, () => this.#next());
  }

  #next(): string {
    this.#count += 1;
    const path = join(this.#directory, String(this.#count));
    mkdirSync(path);
    return join(path, 'contended');
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Everything that is left in the folders of a lock path with one lock, but for what is still being made. */
export function leftOver(path: string, kinds = ['held', 'died', 'died-seats', 'queue', 'new']): string[] {
  const folder = join(dirname(path), '.oslo-concurrency', 'lockfile');
  return kinds.flatMap((kind) =>
    existsSync(join(folder, kind))
      ? readdirSync(join(folder, kind), { recursive: true }).map((name) => `${kind}/${name}`)
      : [],
  );
}
