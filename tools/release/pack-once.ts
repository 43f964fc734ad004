import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { packAll, type Tarball } from './tarballs.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Every package, packed as `npm publish` would. */
    readonly tarballs: readonly Tarball[];
  }
}

/** Packs the packages before the first test file, for all of them: none changes a tarball. */
export default function packOnce({ provide }: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'tarballs-'));
  provide('tarballs', packAll(folder));
  return () => rmSync(folder, { recursive: true, force: true });
}
