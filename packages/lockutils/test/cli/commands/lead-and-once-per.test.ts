import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { lockutils, startLockutils } from '../../support/command.js';
import { lockDirectory } from '../../support/lock-directory.js';

describe.runIf(process.platform === 'linux')('lockutils lead', () => {
  it.each([
    ['on one machine', (path: string) => ['--lock-path', path]],
    ['by a lease', (path: string) => ['--lease', pathToFileURL(path).href, '--ttl', '1s']],
  ])(
    '%s: one candidate runs the command; when it ends another leads, with the status of the command',
    async (_, where) => {
      using directory = lockDirectory();
      const args = ['lead', 'x', ...where(directory.path), '--', 'sh', '-c', 'echo leads; sleep 0.3; exit 7'];
      const [one, two] = [startLockutils(args), startLockutils(args)];
      await using _one = one;
      await using _two = two;
      await Promise.all([one.says(/leads/), two.says(/leads/)]);
      const ends = await Promise.all([one.ended, two.ended]);
      expect(ends.map(({ status }) => status)).toEqual([7, 7]);
    },
  );

  it('campaigns again when the lease is lost, and runs the command in a new term', async () => {
    using directory = lockDirectory();
    const lease = ['--lease', pathToFileURL(directory.path).href, '--ttl', '1s'];
    const long = 'echo leads $OSLO_FENCING_TOKEN.; exec sleep 600';
    await using command = startLockutils(['lead', 'x', ...lease, '--', 'sh', '-c', long]);
    await command.says(/leads (\d+)\./);
    // As an administrator would who breaks it by hand; in one step, which a renewal cannot disturb.
    renameSync(join(directory.path, '.oslo-concurrency', 'lease', 'held', 'x'), join(directory.path, 'broken'));
    await command.says(/leads \d+\.[\s\S]*leads \d+\./);
    process.kill(command.pid as number, 'SIGTERM');
    const { stderr, stdout } = await command.ended;
    expect(stderr).toContain('no longer leads x; campaigning again');
    const tokens = [...stdout.matchAll(/leads (\d+)\./g)].map(([, token]) => Number(token));
    expect(tokens[1]).toBeGreaterThan(tokens[0] as number);
  });

  it('refuses options that are not its own with 64', async () => {
    const { status } = await lockutils(['lead', 'x', '--permits', '2', '--', 'true']);
    expect(status).toBe(64);
  });
});

describe.runIf(process.platform === 'linux')('lockutils run --once-per', () => {
  it('runs the command once for a tick; later ones learn which process ran it and how it ended, with 0', async () => {
    using directory = lockDirectory();
    const run = (tick: string, script: string) =>
      lockutils(['run', 'x', '--lock-path', directory.path, '--once-per', tick, '--', 'sh', '-c', script]);
    expect(await run('monday', 'echo ran')).toMatchObject({ status: 0, stdout: 'ran\n', stderr: '' });
    const again = await run('monday', 'echo ran');
    expect(again).toMatchObject({ status: 0, stdout: '' });
    expect(again.stderr).toMatch(/^lockutils: pid \d+ on .+ has run x for monday at .+Z; it ended well\n$/);
    expect(await run('tuesday', 'exit 3')).toMatchObject({ status: 3 });
    expect((await run('tuesday', 'echo ran')).stderr).toContain('it failed: exit status 3');
  });

  it.each([[['--once-per', 'a', '--shared']], [['--once-per', 'a', '--no-wait']], [['--keep', '1h']]])(
    'refuses %s with 64',
    async (options) => {
      using directory = lockDirectory();
      const { status } = await lockutils(['run', 'x', '--lock-path', directory.path, ...options, '--', 'true']);
      expect(status).toBe(64);
    },
  );
});
