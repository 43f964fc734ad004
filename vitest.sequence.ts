import { BaseSequencer, type TestSpecification } from 'vitest/node';

// Files that take longest, the longest first: one that is begun last leaves a core idle until it ends.
const longest = [
  'mask-pieces',
  'users',
  'verify-lock-driver',
  'python-contenders',
  'run',
  'python-pairs',
  'output',
  'mask-password',
  'faults',
  'etcd-lease-driver',
  'redis-lease-driver',
  'postgres-lease-driver',
  'job-promises',
  'redis-errors',
  'postgres-errors',
  'etcd-errors',
  'lockfile-lease-driver',
  'documented-driver',
  'sound-driver',
  'lease',
  'line',
  'lock-folder',
  'step-faults',
  'paused-holder',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const index = longest.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return index === -1 ? longest.length : index;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}
