import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { command, node } from '../command.js';
import { project } from '../project.js';
import { root, type Tarball } from '../tarballs.js';
import { ThrowAwayClone } from '../throw-away-clone.js';

interface Manifest {
  readonly description: string;
  readonly keywords: readonly string[];
  readonly author: string;
  readonly homepage: string;
  readonly bugs: string;
  readonly funding: string;
  readonly repository: { readonly type: string; readonly url: string; readonly directory: string };
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
}

const hosted = JSON.parse(readFileSync(join(root, 'project.json'), 'utf8')) as { repository: string; branch: string };

const tarballs = inject('tarballs');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'package-page-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file of the tarball, as npm reads it. */
const inTarball = ({ path }: Tarball, file: string): string =>
  command(folder, 'tar', ['-xOf', path, `package/${file}`]);
const manifestIn = (tarball: Tarball): Manifest => JSON.parse(inTarball(tarball, 'package.json')) as Manifest;

it('G26 each tarball names the repository, its folder there, the home page, the bug tracker, the author and the funding', () => {
  for (const tarball of tarballs) {
    const { repository, homepage, bugs, author, funding, description, keywords } = manifestIn(tarball);
    expect(repository, tarball.name).toEqual({
      type: 'git',
      url: `git+${hosted.repository}.git`,
      directory: `packages/${tarball.short}`,
    });
    expect(homepage).toBe(`${hosted.repository}/tree/${hosted.branch}/packages/${tarball.short}#readme`);
    expect(bugs).toBe(`${hosted.repository}/issues`);
    for (const text of [author, funding, description]) expect(text, tarball.name).toMatch(/\S/);
    expect(keywords.length, tarball.name).toBeGreaterThan(2);
  }
});

it('G26 each path that a manifest exports is in the tarball', () => {
  for (const tarball of tarballs) {
    const { exports, bin = {} } = manifestIn(tarball);
    const paths = Object.values(exports).flatMap((one) => (typeof one === 'string' ? [one] : Object.values(one)));
    const wanted = [...paths, ...Object.values(bin)].map((path) => path.replace(/^\.\//, ''));
    expect(
      wanted.filter((path) => !tarball.files.includes(path)),
      tarball.name,
    ).toEqual([]);
  }
});

it('G26 each link and picture of a README leads somewhere from the page of the package on npm', () => {
  for (const tarball of tarballs) {
    const readme = inTarball(tarball, 'README.md').replaceAll(/^(`{3,})[\s\S]*?^\1$/gm, '');
    const targets = [...readme.matchAll(/\]\(([^)\s]+)\)|<img[^>]* src="([^"]+)"/g)].map(
      (one) => one[1] ?? one[2] ?? '',
    );
    const headings = new Set([...readme.matchAll(/^#+ (.*)$/gm)].map((one) => anchorOf(one[1] ?? '')));
    const lost = targets.filter((target) => {
      if (target.startsWith('#')) return !headings.has(target.slice(1));
      const [, path] =
        /^https:\/\/github\.com\/[^/]+\/oslo-concurrency\/(?:blob|tree)\/[^/]+\/([^#]*)/.exec(target) ?? [];
      return path === undefined ? !target.startsWith('https://') : !existsSync(join(root, path));
    });
    expect(lost, tarball.name).toEqual([]);
  }
});

/** The anchor that a heading gets on the page. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');
}

describe('the constant that says where the project is hosted', () => {
  it('refuses a release while it is the placeholder, and reaches every manifest and README once it is set', () => {
    const clone = new ThrowAwayClone(join(folder, 'clone'));
    const script = (...args: string[]): string => node(clone.folder, 'scripts/project.mjs', ...args);
    const file = join(clone.folder, 'project.json');
    const placeholder = readFileSync(file, 'utf8').replaceAll(
      /github\.com\/(sponsors\/)?[\w.-]+/g,
      'github.com/$1OWNER',
    );
    writeFileSync(file, placeholder);
    script('--write');
    expect(() => script('--release')).toThrow(/project\.json still has the placeholder OWNER/);
    writeFileSync(file, placeholder.replaceAll('OWNER', 'acme'));
    expect(() => script()).toThrow(/packages\/core\/package\.json does not say what project\.json says/);
    script('--write');
    expect(script('--release')).toContain('say what project.json says');
    for (const short of clone.packages) {
      const manifest = clone.manifest(short) as unknown as Manifest;
      expect(manifest.repository.url).toBe('git+https://github.com/acme/oslo-concurrency.git');
    }
    expect(() => clone.git('grep', '--name-only', 'github.com/OWNER', '--', 'packages/*/package.json', '*.md')).toThrow(
      / ended with 1 /, // nothing found
    );
  });
});

it.each(['README.md', 'docs/index.md'])('the first snippet of %s runs in an empty project', (document) => {
  const [, code] = /^```js\n([\s\S]*?)^```$/m.exec(readFileSync(join(root, document), 'utf8')) ?? [];
  const lockutils = tarballs.find(({ short }) => short === 'lockutils');
  if (code === undefined || lockutils === undefined) throw new Error('there is no snippet, or no package');
  const home = project(
    join(folder, document.replaceAll(/\W/g, '-')),
    { [lockutils.name]: `file:${lockutils.path}` },
    tarballs,
  );
  writeFileSync(join(home, 'first.mjs'), code);
  expect(command(home, process.execPath, ['first.mjs'], { OSLO_LOCK_PATH: undefined, TMPDIR: home })).toMatch(/\S/);
});
