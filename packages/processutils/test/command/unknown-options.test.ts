import { execute, executeLines, trycmd, type UnknownArgumentError } from '@oslo-concurrency/processutils';
import { expect, it } from 'vitest';

it.each([
  ['execute', execute],
  ['trycmd', trycmd],
])('%s suggests the nearest name of an unknown option', async (_name, run) => {
  const options = { timeOut: 5 } as object;
  await expect((async () => run('true', [], options))()).rejects.toMatchObject({
    name: 'UnknownArgumentError',
    message: "Unknown option 'timeOut'. Did you mean 'timeout'?",
  });
});

it.each([
  ['execute', execute, ['binary', 'attempts'], ['discardWarnings', 'from']],
  ['trycmd', trycmd, ['discardWarnings', 'attempts'], ['binary', 'from']],
  ['executeLines', (...given: Parameters<typeof execute>) => executeLines(...given).next(), ['from'], ['attempts']],
])('the error of %s for an unknown option lists its own options', async (_name, run, own, others) => {
  const call = async () => run('true', [], { nothing: 5 } as object);
  const error = (await call().catch((reason: unknown) => reason)) as UnknownArgumentError;
  const listed = error.expected.replace('one of ', '').split(', ');
  expect(listed).toEqual(expect.arrayContaining([...own, 'timeout', 'secrets']));
  for (const other of others) expect(listed).not.toContain(other);
});
