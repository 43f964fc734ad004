import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { npm } from './command.js';

/** The root of the repository. */
export const root = join(import.meta.dirname, '..', '..');

export interface Tarball {
  /** `@oslo-concurrency/core` */
  readonly name: string;
  /** `core` */
  readonly short: string;
  /** The tarball. */
  readonly path: string;
  /** What is in it, relative to the package. */
  readonly files: readonly string[];
  /** Bytes when unpacked. */
  readonly size: number;
  readonly manifest: { readonly dependencies?: Readonly<Record<string, string>>; readonly version: string };
}

/** Packs every package of `repository` into `into`, as `npm publish` would. */
export function packAll(into: string, repository = root): readonly Tarball[] {
  return readdirSync(join(repository, 'packages')).map((short) => {
    const folder = join(repository, 'packages', short);
    const [packed] = JSON.parse(npm(folder, 'pack', '--json', '--pack-destination', into)) as [
      { name: string; filename: string; unpackedSize: number; files: { path: string }[] },
    ];
    return {
      name: packed.name,
      short,
      path: join(into, basename(packed.filename)),
      files: packed.files.map(({ path }) => path),
      size: packed.unpackedSize,
      manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Tarball['manifest'],
    };
  });
}
