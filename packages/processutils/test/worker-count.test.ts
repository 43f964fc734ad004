import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { getWorkerCount, type WorkerCountExplanation } from '@oslo-concurrency/processutils';
import { describe, expect, it } from 'vitest';
import { cgroupQuotas, tightestOf } from '../src/limits/cgroup-quota.js';

const program =
  "import('@oslo-concurrency/processutils').then((p) => console.log(JSON.stringify(p.getWorkerCount({ explain: true }))))";

/** What a process says that is started by `prefix`. */
function explainedBy(...prefix: string[]): WorkerCountExplanation {
  const [file = '', ...args] = [...prefix, process.execPath, '-e', program];
  return JSON.parse(execFileSync(file, args, { encoding: 'utf8' })) as WorkerCountExplanation;
}

describe('getWorkerCount', () => {
  it('is at least 1 and at most the processors of the machine', () => {
    expect(getWorkerCount()).toBeGreaterThanOrEqual(1);
    expect(getWorkerCount()).toBeLessThanOrEqual(cpus().length);
    expect(getWorkerCount({ explain: true }).count).toBe(getWorkerCount());
  });

  it('honours the affinity that taskset sets, and says so', () => {
    const explained = explainedBy('taskset', '-c', '0');
    expect(explained).toMatchObject({ count: 1, affinity: 1, processors: cpus().length });
    expect(explained.reason).toBe(`1: the affinity of this process allows 1 of ${cpus().length} processors`);
  });
});

const v1 = '/sys/fs/cgroup/cpu';
const usable = process.getuid?.() === 0 && existsSync(join(v1, 'cgroup.procs'));

describe.skipIf(!usable)(
  'getWorkerCount in a real control group of version 1 (needs root and /sys/fs/cgroup/cpu)',
  () => {
    it.each([
      ['half a processor', '50000', 0.5],
      ['one and a half', '150000', 1.5],
    ])('gives 1 for a quota of %s, also when a group above has it', (_what, quota, processors) => {
      const group = join(v1, `worker-count-${process.pid}`);
      const nested = join(group, 'nested');
      mkdirSync(nested, { recursive: true });
      try {
        writeFileSync(join(group, 'cpu.cfs_quota_us'), quota);
        const explained = explainedBy('sh', '-c', `echo $$ > ${nested}/cgroup.procs && exec "$@"`, 'sh');
        expect(explained.count).toBe(1);
        expect(explained.quotas).toEqual([
          { group: `/worker-count-${process.pid}`, processors, file: `${group}/cpu.cfs_quota_us` },
        ]);
        if (processors < 1) expect(explained.reason).toMatch(/^1: the control group .* grants 0\.5 processors/);
      } finally {
        rmdirSync(nested);
        rmdirSync(group);
      }
    });
  },
);

describe('cgroupQuotas', () => {
  /** A directory with the files of /proc and /sys, as the kernel of another machine would show them. */
  function machine(files: Readonly<Record<string, string>>): string {
    const root = mkdtempSync(join(tmpdir(), 'cgroup-'));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return root;
  }
  const v2Mount = '30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n';

  it('finds the quota of version 2 in the own group and in those above', () => {
    const root = machine({
      'proc/self/mountinfo': v2Mount,
      'proc/self/cgroup': '0::/system.slice/app.service/worker\n',
      'sys/fs/cgroup/system.slice/app.service/worker/cpu.max': 'max 100000\n',
      'sys/fs/cgroup/system.slice/app.service/cpu.max': '250000 100000\n',
      'sys/fs/cgroup/system.slice/cpu.max': '40000 100000\n',
    });
    expect(cgroupQuotas(root)).toEqual([
      { group: '/system.slice/app.service', processors: 2.5, file: '/sys/fs/cgroup/system.slice/app.service/cpu.max' },
      { group: '/system.slice', processors: 0.4, file: '/sys/fs/cgroup/system.slice/cpu.max' },
    ]);
  });

  it('finds it at the top of the mount in a container that sees its own group as /', () => {
    const root = machine({
      'proc/self/mountinfo': v2Mount,
      'proc/self/cgroup': '0::/\n',
      'sys/fs/cgroup/cpu.max': '300000 100000\n',
    });
    expect(cgroupQuotas(root)).toEqual([{ group: '/', processors: 3, file: '/sys/fs/cgroup/cpu.max' }]);
  });

  it("finds it where the mount's top is the container's group, as with docker and version 1", () => {
    const root = machine({
      'proc/self/mountinfo': '35 30 0:31 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n',
      'proc/self/cgroup': '4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n0::/\n',
      'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '200000\n',
      'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
    });
    const file = '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us';
    expect(cgroupQuotas(root)).toEqual([{ group: '/docker/abc', processors: 2, file }]);
  });

  it('finds it below a mount whose path has a space, and in each of several mounts', () => {
    const root = machine({
      'proc/self/mountinfo': [
        '30 20 0:26 / /sys/fs/host cgroup rw - cgroup2 cgroup2 rw\n'.replace('host cgroup', 'host\\040cgroup'),
        '31 20 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
      ].join(''),
      'proc/self/cgroup': '0::/app\n',
      'sys/fs/host cgroup/app/cpu.max': '300000 100000\n',
      'sys/fs/cgroup/app/cpu.max': '200000 100000\n',
    });
    expect(cgroupQuotas(root).map(({ processors, file }) => [processors, file])).toEqual([
      [3, '/sys/fs/host cgroup/app/cpu.max'],
      [2, '/sys/fs/cgroup/app/cpu.max'],
    ]);
  });

  it('takes no group for one below the top of the mount because its name begins alike', () => {
    const root = machine({
      'proc/self/mountinfo': '35 30 0:31 /docker /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
      'proc/self/cgroup': '0::/docker-other/job\n',
      'sys/fs/cgroup/-other/cpu.max': '100000 100000\n',
      'sys/fs/cgroup/cpu.max': '300000 100000\n',
    });
    expect(cgroupQuotas(root)).toEqual([{ group: '/docker', processors: 3, file: '/sys/fs/cgroup/cpu.max' }]);
  });

  it('finds the groups below a mount whose top is a group in the middle, by their paths below it', () => {
    const root = machine({
      'proc/self/mountinfo': '35 30 0:31 /docker /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
      'proc/self/cgroup': '0::/docker/abc/worker\n',
      'sys/fs/cgroup/abc/worker/cpu.max': '150000 100000\n',
      'sys/fs/cgroup/abc/cpu.max': '50000 100000\n',
    });
    expect(cgroupQuotas(root)).toEqual([
      { group: '/docker/abc/worker', processors: 1.5, file: '/sys/fs/cgroup/abc/worker/cpu.max' },
      { group: '/docker/abc', processors: 0.5, file: '/sys/fs/cgroup/abc/cpu.max' },
    ]);
  });

  it.each([
    ['no files at all', {}],
    [
      'no quota in version 1',
      { 'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n', 'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n' },
    ],
    ['nonsense', { 'sys/fs/cgroup/cpu/cpu.cfs_quota_us': 'x\n', 'sys/fs/cgroup/cpu/cpu.cfs_period_us': '0\n' }],
  ])('finds none where there is %s', (_what, files) => {
    const root = machine({
      'proc/self/mountinfo': '32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n',
      'proc/self/cgroup': '1:cpu:/\n',
      ...files,
    });
    expect(cgroupQuotas(root)).toEqual([]);
  });

  it('the smallest is in force, whatever the order', () => {
    const quotas = [2, 0.5, 1].map((processors) => ({ group: '/', processors, file: '' }));
    for (const order of [quotas, [...quotas].reverse()]) expect(tightestOf(order)?.processors).toBe(0.5);
    expect(tightestOf([])).toBeUndefined();
  });

  it('finds none where there is no /proc', () => expect(cgroupQuotas(machine({}))).toEqual([]));
});
