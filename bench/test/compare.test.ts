import { expect, it } from 'vitest';
import { compare } from '../src/compare.mjs';

const run = (better: string | undefined, samples: number[]) => ({
  figures: [{ id: 'a', unit: '1/s', better, rows: [{ subject: 'ours', side: 'ours', samples }] }],
});

it('tells what got worse by more than the spread, in the direction of its figure', () => {
  expect(compare(run('more', [10, 11]), run('more', [5, 6]))).toMatchObject([{ worse: true }]);
  expect(compare(run('less', [10, 11]), run('less', [5, 6]))).toMatchObject([{ worse: false }]);
  expect(compare(run('less', [10, 11]), run('less', [10, 12]))).toEqual([]);
});

it('compares nothing of a figure that only explains others', () => {
  expect(compare(run(undefined, [10, 11]), run(undefined, [5, 6]))).toEqual([]);
});
