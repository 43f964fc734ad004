import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A control group's limit of processor time. */
export interface CgroupQuota {
  /** The group, as /proc/self/cgroup names it, or one above it. */
  readonly group: string;
  /** How many processors' time it grants. */
  readonly processors: number;
  /** The file that says so. */
  readonly file: string;
}

/**
 * The quotas of this process's control group and all groups above it, version 1 and 2; the smallest is in force.
 *
 * `root` is where `/proc` and `/sys` are looked for. Where a container shows its own group as `/`, its mount shows the
 * group's files at the top, so the top is always looked at too.
 */
export function cgroupQuotas(root: string): CgroupQuota[] {
  const mounts = parseMounts(read(join(root, 'proc/self/mountinfo')));
  return parseGroups(read(join(root, 'proc/self/cgroup'))).flatMap(({ controllers, path }) => {
    const unified = controllers === '';
    if (!unified && !controllers.split(',').includes('cpu')) return [];
    // A container may have several: the host's, of which it sees nothing useful, and its own.
    const matching = mounts.filter(({ type, options }) => {
      return unified ? type === 'cgroup2' : type === 'cgroup' && options.split(',').includes('cpu');
    });
    return matching.flatMap((mount) =>
      groupsAbove(path, mount.root).flatMap(({ group, below }) => {
        const directory = join(mount.path, below);
        const found = unified ? quotaV2(root, directory) : quotaV1(root, directory);
        return found === undefined ? [] : [{ group, ...found }];
      }),
    );
  });
}

/** The quota that is in force: the smallest. */
export function tightestOf(quotas: readonly CgroupQuota[]): CgroupQuota | undefined {
  return [...quotas].sort((a, b) => a.processors - b.processors)[0];
}

function quotaV2(root: string, directory: string): Omit<CgroupQuota, 'group'> | undefined {
  const file = join(directory, 'cpu.max');
  const [quota, period] = read(join(root, file)).trim().split(' ');
  return grant(file, quota, period);
}

function quotaV1(root: string, directory: string): Omit<CgroupQuota, 'group'> | undefined {
  const file = join(directory, 'cpu.cfs_quota_us');
  return grant(file, read(join(root, file)), read(join(root, directory, 'cpu.cfs_period_us')));
}

/** No quota is written as `max` in version 2, as -1 in version 1. */
function grant(file: string, quota = '', period = ''): Omit<CgroupQuota, 'group'> | undefined {
  const processors = Number.parseInt(quota, 10) / Number.parseInt(period, 10);
  return processors > 0 && Number.isFinite(processors) ? { processors, file } : undefined;
}

/** The group and the groups above it, each with its path below the mount. The top of the mount may be a group in the middle. */
function groupsAbove(path: string, mountRoot: string): { readonly group: string; readonly below: string }[] {
  const inside = mountRoot === '/' ? path : path.startsWith(`${mountRoot}/`) ? path.slice(mountRoot.length) : '/';
  const names = inside.split('/').filter((name) => name !== '' && name !== '..');
  return Array.from({ length: names.length + 1 }, (_, above) => {
    const below = `/${names.slice(0, names.length - above).join('/')}`;
    return { group: join(mountRoot, below).replace(/(.)\/$/, '$1'), below };
  });
}

function parseGroups(text: string): { readonly controllers: string; readonly path: string }[] {
  return text.split('\n').flatMap((line) => {
    const found = /^\d+:([^:]*):(.*)$/.exec(line);
    return found === null ? [] : [{ controllers: found[1] ?? '', path: found[2] ?? '/' }];
  });
}

interface Mount {
  readonly root: string;
  readonly path: string;
  readonly type: string;
  readonly options: string;
}

function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const found = /^\S+ \S+ \S+ (\S+) (\S+) .*? - (\S+) \S+ (\S+)$/.exec(line);
    if (found === null) return [];
    const [, root = '/', path = '/', type = '', options = ''] = found;
    return { root: unescaped(root), path: unescaped(path), type, options };
  });
}

/** The kernel writes space, tab, newline and backslash of a path as three octal digits. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
