import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { lockDirectory } from '../../support/lock-directory.js';

const program = fileURLToPath(new URL('../../fixtures/forgets-handles.mjs', import.meta.url));

function forgetting(way: string): string[] {
  using directory = lockDirectory();
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', program, way, directory.path], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return stdout.replaceAll(directory.path, '').trim().split('\n');
}

describe('a handle that is garbage collected while it holds its lock', () => {
  it.each([
    ['an await'],
    ['a release'],
    ['a release after a wait'],
    ['a release of an external lock'],
    ['a release of lockSync'],
  ])('is a warning in the log when %s was forgotten, and the lock stays held', (way) => {
    const text =
      'The lock x is held, but the handle was garbage collected before release(), so only the end of this process releases it: await the call, and keep its handle until release()';
    expect(forgetting(way)).toEqual([JSON.stringify([text]), 'ERR_LOCK_NOT_ACQUIRED']);
  });

  it('of acquireAll is one warning that names all its locks', () => {
    const [messages, after] = forgetting('a release of acquireAll');
    expect(JSON.parse(messages ?? '')).toEqual([expect.stringMatching(/^The locks x, y are held, but/)]);
    expect(after).toBe('ERR_LOCK_NOT_ACQUIRED');
  });

  it('of an object is a warning when the object is gone too', () => {
    expect(forgetting('a release of an object')[0]).toContain('The lock /x is held');
  });

  it.each([['nothing'], ['nothing, and keeps it']])('is none when the program forgot %s', (way) => {
    expect(forgetting(way)).toEqual(['[]']);
  });
});
