import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os';
import { python } from './contestant.mjs';

const require = createRequire(import.meta.url);

/** Where a run was made: what its figures depend on, and nothing that names the machine. */
export function machine(work, disk) {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()} ${arch()}`,
    fileSystem: fileSystemOf(work),
    diskFileSystem: fileSystemOf(disk),
  };
}

function fileSystemOf(folder) {
  return said('df', ['--output=fstype', folder]).split('\n').at(-1);
}

/** The load of the last minute: what others did meanwhile makes figures worse. */
export function load() {
  return Number(loadavg()[0]?.toFixed(2));
}

const npmPackages = [
  ...['core', 'lockutils', 'processutils'].map((name) => `@oslo-concurrency/${name}`),
  ...[
    'proper-lockfile',
    'async-mutex',
    'async-lock',
    'p-limit',
    'execa',
    'tinyexec',
    'fs-native-extensions',
    'tinybench',
  ],
];
const debianPackages = ['python3-oslo.concurrency', 'python3-fasteners', 'python3-filelock', 'util-linux'];

/** The versions of everything that is compared; `missing` where it is not here. */
export function versions() {
  return {
    node: process.version,
    python: said(python, ['--version']).replace('Python ', ''),
    ...Object.fromEntries(npmPackages.map((name) => [name, versionOf(name)])),
    ...Object.fromEntries(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is dpkg's placeholder.
      debianPackages.map((name) => [name, said('dpkg-query', ['--show', '--showformat=${Version}', name])]),
    ),
  };
}

/** The commit that was measured, and whether there was more than it. */
export function commit() {
  const changes = said('git', ['status', '--porcelain', '--untracked-files=no']);
  return { commit: said('git', ['rev-parse', 'HEAD']), changed: changes !== '' };
}

function versionOf(name) {
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')).version;
    } catch {
      // Not in this folder; perhaps in one above.
    }
  }
  return 'missing';
}

function said(file, args) {
  try {
    return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'missing';
  }
}
