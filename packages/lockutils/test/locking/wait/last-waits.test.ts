import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { lockDirectory } from '../../support/lock-directory.js';

/** What a program prints in which nothing but its waits keeps the process awake. */
function printed(code: string): { stdout: string; status: number | null } {
  using directory = lockDirectory();
  const module = new URL('../../../dist/index.js', import.meta.url).href;
  const program = `
    import { acquireAll, lock } from '${module}';
    const say = (error) => console.log(error.name, error.code);
    const external = { external: true, lockPath: process.argv[1] };
    ${code}`;
  const args = ['--input-type=module', '-e', program, directory.path];
  const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 });
  return { stdout, status };
}

describe('a wait that could still settle keeps the process awake', () => {
  it.each([
    ['an internal lock', '{}'],
    ['an external lock that this process holds', 'external'],
  ])('until AbortSignal.timeout() ends it: %s', (_kind, options) => {
    const code = `
      const held = await lock('a', ${options});
      const signal = AbortSignal.timeout(100);
      lock('a', { ...${options}, signal }).catch(say);`;
    expect(printed(code)).toEqual({ stdout: 'TimeoutError 23\n', status: 0 });
  });

  it('until its timeout ends it', () => {
    const code = `const held = await lock('a'); lock('a', { timeout: 50 }).catch(say);`;
    expect(printed(code)).toEqual({ stdout: 'LockTimeoutError ERR_LOCK_TIMEOUT\n', status: 0 });
  });

  it('until an upgrade is aborted', () => {
    const code = `
      const [one, two] = [await lock('a', { shared: true }), await lock('a', { shared: true })];
      one.upgrade({ signal: AbortSignal.timeout(100) }).catch(say);`;
    expect(printed(code)).toEqual({ stdout: 'TimeoutError 23\n', status: 0 });
  });

  it.each([
    ['lock', `lock('a', () => lock('a', () => {})).catch(say);`],
    ['acquireAll', `lock('a', async () => void (await acquireAll(['a', 'b']))).catch(say);`],
  ])('G12 until a deadlock is found: %s', (_name, code) => {
    expect(printed(code)).toEqual({ stdout: 'DeadlockError ERR_DEADLOCK\n', status: 0 });
  });

  it('G8 but not while a deadlock is only possible, of a call that nobody awaits', () => {
    const code = `
      lock('a', async () => {
        lock('a').catch(say);
        await new Promise(() => {});
      });
      process.on('exit', () => console.log('end'));`;
    expect(printed(code)).toEqual({ stdout: 'end\n', status: 0 });
  });

  it('G8 and no longer: after the abort, the timeout or the grant nothing is left', () => {
    const code = `
      const never = new AbortController().signal;
      const held = await lock('a');
      const next = lock('a', { signal: never });
      await held.release();
      await (await next).release();
      await lock('b', { ...external, signal: never }, () => {});
      const last = await lock('a');
      await lock('a', { signal: AbortSignal.timeout(20) }).catch(say);
      await lock('a', { signal: never, timeout: 20 }).catch(say);
      console.log('end');`;
    const stdout = 'TimeoutError 23\nLockTimeoutError ERR_LOCK_TIMEOUT\nend\n';
    expect(printed(code)).toEqual({ stdout, status: 0 });
  });
});
