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

/** Packs every package into `into`, as `npm publish` would. */
export function packAll(into: string): readonly Tarball[] {
  const shorts = readdirSync(join(root, 'packages'));
  const folders = shorts.map((short) => `./packages/${short}`);
  const packed = JSON.parse(npm(root, 'pack', ...folders, '--json', '--pack-destination', into)) as readonly {
    name: string;
    filename: string;
    unpackedSize: number;
    files: { path: string }[];
  }[];
  return shorts.map((short) => {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', short, 'package.json'), 'utf8')) as {
      readonly name: string;
      readonly version: string;
    };
    const found = packed.find(({ name }) => name === manifest.name);
    if (found === undefined) throw new Error(`npm packed no ${short}`);
    const { name, filename, files, unpackedSize: size } = found;
    return { name, short, path: join(into, basename(filename)), files: files.map(({ path }) => path), size, manifest };
  });
}
