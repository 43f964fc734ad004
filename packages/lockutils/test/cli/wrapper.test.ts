import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startWrapper } from '../support/command.js';

const scratch = mkdtempSync(join(tmpdir(), 'wrapper-test-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const env = { TMPDIR: scratch, OSLO_LOCK_PATH: '/nowhere' };

const endingSignals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGALRM', 'SIGXCPU', 'SIGPWR'] as const;

describe('lockutils-wrapper', () => {
  it('runs the command with OSLO_LOCK_PATH set to a new directory, keeps its status and removes the directory', async () => {
    const script = 'cd "$OSLO_LOCK_PATH" && mkdir -p a/b && echo x > a/b/c && pwd; exit 3';
    await using command = startWrapper(['sh', '-c', script], env);
    const { status, stdout } = await command.ended;
    expect(status).toBe(3);
    expect(stdout.trim()).toMatch(new RegExp(`^${scratch}/lockutils-wrapper-\\w+$`));
    expect(readdirSync(scratch)).toEqual([]);
  });

  it.each(endingSignals)('removes the directory when %s ends it', async (signal) => {
    await using command = startWrapper(['sh', '-c', 'ulimit -c 0; echo "$OSLO_LOCK_PATH"; exec sleep 600'], env);
    const directory = (await command.says(/(\S+)\n/))[1] as string;
    expect(existsSync(directory)).toBe(true);
    command.process.kill(signal);
    const end = await command.ended;
    expect(end.status).toBe(128 + constants.signals[signal]);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('stays until a command that takes its time over a signal has ended', async () => {
    const script = `trap 'sleep 0.1; ls -d "$OSLO_LOCK_PATH"; exit 5' TERM; echo ready; while :; do sleep 0.02; done`;
    await using command = startWrapper(['sh', '-c', script], env);
    await command.says(/ready/);
    command.process.kill('SIGTERM');
    const { status, stdout, stderr } = await command.ended;
    expect([status, stderr]).toEqual([5, '']);
    expect(stdout).toContain(scratch);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('says 127 for a command that is not there, 64 for none, and leaves nothing behind', async () => {
    await using missing = startWrapper(['no-such-program'], env);
    expect(await missing.ended).toMatchObject({ status: 127, stderr: expect.stringContaining('no-such-program') });
    await using none = startWrapper([], env);
    expect(await none.ended).toMatchObject({ status: 64, stderr: expect.stringContaining('Usage') });
    await using help = startWrapper(['--help'], env);
    expect(await help.ended).toMatchObject({ status: 0, stdout: expect.stringContaining('Examples:') });
    await using nowhere = startWrapper(['true'], { ...env, TMPDIR: join(scratch, 'missing') });
    expect(await nowhere.ended).toMatchObject({ status: 71, stderr: expect.stringContaining('ENOENT') });
    expect(readdirSync(scratch)).toEqual([]);
  });
});
