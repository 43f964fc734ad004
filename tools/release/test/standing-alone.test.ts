import {
  copyFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { importFootprint } from '../../../import-footprint.js';
import { command, node } from '../command.js';
import { installed, project } from '../project.js';
import { root, type Tarball } from '../tarballs.js';

const scope = '@oslo-concurrency/';
const jobs = join(import.meta.dirname, '..', 'jobs');

/** What is promised of each package: how many files it is, what may come with it, how much, and how many thousand characters its import compiles. */
const promises = {
  core: { files: 25, never: /lock|execa|undici/, packages: 2, kilobytes: 200, imported: 30 },
  lockutils: { files: 100, never: /^execa$|undici/, packages: 16, kilobytes: 4700, imported: 330 },
  processutils: { files: 45, never: /lock|fs-native/, packages: 28, kilobytes: 2200, imported: 220 },
  fixture: { files: 70, never: /^execa$|undici/, packages: 19, kilobytes: 5500, imported: 470 },
  'lockutils-etcd': { files: 25, never: /^execa$/, packages: 19, kilobytes: 6500, imported: 410 },
  'lockutils-postgres': { files: 25, never: /^execa$|undici|redis$/, packages: 36, kilobytes: 5600, imported: 260 },
  'lockutils-redis': { files: 25, never: /^execa$|undici|^pg/, packages: 18, kilobytes: 5000, imported: 260 },
  // The interface of OpenTelemetry is 80 of them.
  telemetry: { files: 25, never: /lock|execa|undici|sdk/, packages: 3, kilobytes: 3000, imported: 110 },
} as const;
const names = Object.keys(promises) as (keyof typeof promises)[];

const tarballs = inject('tarballs');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'standing-alone-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tarball = (short: string): Tarball => {
  const found = tarballs.find((candidate) => candidate.short === short);
  if (found === undefined) throw new Error(`there is no package ${short}`);
  return found;
};

it('knows every package', () => {
  expect(tarballs.map(({ short }) => short).sort()).toEqual([...names].sort());
});

describe.each(names)('%s, alone, from its tarball', (short) => {
  const promise = promises[short];
  let home: string;
  beforeAll(() => {
    const { name, path } = tarball(short);
    home = project(join(folder, short), { [name]: `file:${path}` }, tarballs);
    cpSync(jobs, home, { recursive: true });
  });
  const env = (): NodeJS.ProcessEnv => {
    const lockPath = join(home, 'locks');
    mkdirSync(lockPath, { recursive: true });
    return { OSLO_LOCK_PATH: lockPath };
  };

  it('G26 holds what is needed and nothing else', () => {
    const { files } = tarball(short);
    expect(files).toEqual(
      expect.arrayContaining(['package.json', 'README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts']),
    );
    const needed =
      /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|dist\/third-party-licences\.txt|(bin|dist|python)\/[\w/-]+\.(c?js|d\.ts|js\.map|py))$/;
    expect(files.filter((file) => !needed.test(file))).toEqual([]);
    expect(files.length).toBeLessThanOrEqual(promise.files);
  });

  it('has source maps that carry its sources', () => {
    const { files } = tarball(short);
    const unpacked = join(home, 'node_modules', scope, short);
    const sources = files
      .filter((file) => file.endsWith('.map'))
      .flatMap((file) => {
        const map = JSON.parse(readFileSync(join(unpacked, file), 'utf8')) as {
          sources: string[];
          sourcesContent: (string | null)[];
        };
        return map.sources.map((source, index) => ({ source, content: map.sourcesContent[index] }));
      });
    expect(sources.length).toBeGreaterThan(0);
    expect(sources.filter(({ content }) => typeof content !== 'string')).toEqual([]);
    // What is bundled, in a file with a map or in one without, comes with its licence.
    const code = files.filter((file) => /\.c?js$/.test(file)).map((file) => readFileSync(join(unpacked, file), 'utf8'));
    const bundled = code.some((text) => /^\s*\/\/ (\.\.\/)*node_modules\//m.test(text));
    expect(files.includes('dist/third-party-licences.txt')).toBe(bundled);
    const dangling = files.filter(
      (file) =>
        /\.(c?js|d\.ts)$/.test(file) &&
        readFileSync(join(unpacked, file), 'utf8').includes('//# sourceMappingURL=') &&
        !files.includes(`${file}.map`),
    );
    expect(dangling).toEqual([]);
  });

  it('G26 brings nothing that is not its own, and npm ls is content', () => {
    const all = installed(home);
    expect(
      [...all].filter(
        (name) =>
          promise.never.test(name) && name !== `${scope}${short}` && !tarball(short).manifest.dependencies?.[name],
      ),
    ).toEqual([]);
    expect(all.size).toBeLessThanOrEqual(promise.packages);
    expect(sizeOf(join(home, 'node_modules')) / 1024).toBeLessThan(promise.kilobytes);
  });

  it('G26 runs no script of anybody when it is installed', () => {
    const { packages } = JSON.parse(readFileSync(join(home, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { hasInstallScript?: boolean }>;
    };
    expect(Object.keys(packages).filter((place) => packages[place]?.hasInstallScript === true)).toEqual([]);
  });

  it('G26 works by require', () => {
    expect(command(home, process.execPath, [`${short}.cjs`], env())).toBe('done\n');
  });

  // The option changes how decorators of the program are checked, and only that of lockutils has some.
  it.each(short === 'lockutils' ? [false, true] : [false])(
    'G26 compiles strictly with experimentalDecorators %s, and works',
    (experimentalDecorators) => {
      const out = `out-${experimentalDecorators}`;
      const options = {
        module: 'NodeNext',
        target: 'ES2022',
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        experimentalDecorators,
        types: ['node'],
        typeRoots: [join(root, 'node_modules/@types')],
        outDir: out,
        rootDir: '.',
      };
      writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: [`${short}.ts`] }));
      node(home, join(root, 'node_modules/typescript/lib/tsc.js'), '--pretty', 'false');
      if (short === 'fixture') copyFileSync(join(home, 'fixture-lock.mjs'), join(home, out, 'fixture-lock.mjs'));
      expect(command(home, process.execPath, [join(out, `${short}.js`)], env())).toBe('done\n');
    },
  );

  it(`compiles at most ${promise.imported},000 characters when it is imported`, () => {
    expect(importFootprint(`${scope}${short}`, { cwd: home }).kilocharacters).toBeLessThanOrEqual(promise.imported);
  });
});

describe('two versions side by side', () => {
  it('G9 still exclude each other and know each other’s errors', () => {
    const next = join(folder, 'next');
    for (const short of ['core', 'lockutils']) {
      const copy = join(next, 'packages', short);
      cpSync(join(root, 'packages', short), copy, {
        recursive: true,
        filter: (source) => !/\/(node_modules|test|\.turbo)$/.test(source),
      });
      const manifest = JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8')) as {
        version: string;
        dependencies: Record<string, string>;
      };
      manifest.version = '99.0.0';
      if (short === 'lockutils') manifest.dependencies[`${scope}core`] = `file:${join(folder, 'core-99.tgz')}`;
      writeFileSync(join(copy, 'package.json'), JSON.stringify(manifest));
      command(copy, 'npm', ['pack', '--pack-destination', next]);
      copyFileSync(join(next, `oslo-concurrency-${short}-99.0.0.tgz`), join(folder, `${short}-99.tgz`));
    }
    const home = join(folder, 'side-by-side');
    mkdirSync(home);
    const manifest = {
      private: true,
      type: 'module',
      dependencies: {
        [`${scope}core`]: `file:${tarball('core').path}`,
        [`${scope}lockutils`]: `file:${tarball('lockutils').path}`,
        newer: `file:${join(folder, 'lockutils-99.tgz')}`,
      },
    };
    writeFileSync(join(home, 'package.json'), JSON.stringify(manifest));
    command(home, 'npm', ['install', '--prefer-offline', '--no-audit', '--no-fund']);
    copyFileSync(join(jobs, 'side-by-side.mjs'), join(home, 'side-by-side.mjs'));
    mkdirSync(join(home, 'locks'));
    expect(
      JSON.parse(command(home, process.execPath, ['side-by-side.mjs'], { OSLO_LOCK_PATH: join(home, 'locks') })),
    ).toEqual({
      versions: ['0', '99'],
      distinctCores: true,
      internal: ['ERR_LOCK_NOT_ACQUIRED', 'ERR_LOCK_NOT_ACQUIRED'],
      external: ['ERR_LOCK_NOT_ACQUIRED', 'ERR_LOCK_NOT_ACQUIRED'],
      recognised: true,
      instanceOf: false,
    });
  });
});

function sizeOf(path: string): number {
  const entry = lstatSync(path);
  if (!entry.isDirectory()) return entry.isFile() ? entry.size : 0;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
