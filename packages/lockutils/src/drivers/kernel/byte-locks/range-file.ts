import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hiddenFolder } from '../../../lock-path/hidden-folder.js';
import { bytesPath, kindsOfLock } from '../lock-paths.js';
import { guardByte } from '../queue-bytes.js';

/** A hidden file whose bytes are files of their own: see {@link withRangeFiles}. */
export interface RangeFile {
  readonly lockPath: string;
  readonly name: string;
  readonly kind: (typeof kindsOfLock)[number];
  /** The bytes that its open description has locked, and the open file of each. */
  readonly held: Map<number, number>;
}

/** A hidden file that was just opened at `path`; `undefined` if it is another file, such as a lock file. */
export function rangeFile(path: string): RangeFile | undefined {
  const kindFolder = dirname(path);
  const hidden = dirname(kindFolder);
  const kind = kindsOfLock.find((one) => one === basename(kindFolder));
  if (basename(hidden) !== hiddenFolder || kind === undefined) return undefined;
  return { lockPath: dirname(hidden), name: basename(path), kind, held: new Map() };
}

/** The folder of the files of its bytes. */
export function folderOf({ lockPath, name, kind }: RangeFile): string {
  return bytesPath(join(lockPath, name), kind);
}

/** The bytes that have a file, locked or not. */
export function bytesOf(file: RangeFile): number[] {
  try {
    return readdirSync(folderOf(file)).map(Number).filter(Number.isSafeInteger);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Whether the byte is a ticket, which is used once. The others are used again and again. */
export function isTicket({ kind }: RangeFile, byte: number): boolean {
  return kind === 'queue' && byte < guardByte;
}
