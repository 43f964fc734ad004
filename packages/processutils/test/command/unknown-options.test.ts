import { execute, trycmd } from '@oslo-concurrency/processutils';
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
