import { trycmd } from '@oslo-concurrency/processutils';
import { describe, expect, it } from 'vitest';

describe('trycmd', () => {
  it('gives what a command wrote, warnings included', async () => {
    expect(await trycmd('sh', ['-c', 'echo out; echo warn >&2'])).toEqual({ stdout: 'out\n', stderr: 'warn\n' });
  });

  it('drops the warnings of a success with discardWarnings', async () => {
    const result = await trycmd('sh', ['-c', 'echo out; echo warn >&2'], { discardWarnings: true });
    expect(result).toEqual({ stdout: 'out\n', stderr: '' });
  });

  it.each([true, false])('gives the message of a failure as stderr, discardWarnings %s', async (discardWarnings) => {
    const { stdout, stderr } = await trycmd('sh', ['-c', 'echo out; exit 3'], { discardWarnings });
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^Unexpected error while running command\.\nCommand: sh .*\nExit code: 3\n/);
    expect((await trycmd('no-such-program')).stderr).toMatch(/was not found in PATH/);
  });

  it('rejects at a timeout and for misuse', async () => {
    await expect(trycmd('sleep', ['30'], { timeout: 50 })).rejects.toMatchObject({ code: 'ERR_PROCESS_TIMEOUT' });
    await expect(trycmd('true', [], { discardWarnings: 1 as never })).rejects.toMatchObject({
      option: 'discardWarnings',
    });
    await expect(trycmd('true', [], { binary: true } as never)).rejects.toMatchObject({ option: 'binary' });
  });
});
