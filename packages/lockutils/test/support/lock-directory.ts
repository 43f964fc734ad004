import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A lock path of its own, removed with everything in it. */
export function lockDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'lockutils-test-'));
  // A process that was killed and is not gone yet may still write there.
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 10 }) };
}
