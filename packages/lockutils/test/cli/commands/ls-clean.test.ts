import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lock } from '@oslo-concurrency/lockutils';
import { expect, it } from 'vitest';
import { formatLocks } from '../../../build/cli/terminal/lock-table.js';
import { lockutils } from '../../support/command.js';
import { Contender } from '../../support/contender.js';
import { lockDirectory } from '../../support/lock-directory.js';

const visible = (directory: string): string[] => readdirSync(directory).filter((name) => name[0] !== '.');

it('lockutils ls shows names, states, ages, waiters and holders, and as JSON', async () => {
  using directory = lockDirectory();
  const options = { external: true, lockPath: directory.path };
  await using victim = await Contender.start();
  await victim.acquire('died', options);
  await victim.end();
  await using alone = await lock('alone', { ...options, label: 'node deploy.js' });
  await using pool = await lock('pool', { ...options, permits: 3 });
  await (await lock('unused', options)).release();
  const [table, json] = await Promise.all([
    lockutils(['ls', '--lock-path', directory.path]),
    lockutils(['ls', '--json'], { OSLO_LOCK_PATH: directory.path }),
  ]);
  const own = `pid ${process.pid} \\(.+\\) on \\S+`;
  expect(table.status).toBe(0);
  expect(table.stdout.split('\n')).toEqual([
    expect.stringMatching(/^NAME {4}STATE {7}AGE +WAITERS {2}HOLDER$/),
    expect.stringMatching(new RegExp(`^alone +held +\\d+ s +0 +${own}$`)),
    expect.stringMatching(new RegExp(`^died +free +- +0 +\\(died holding it: pid ${victim.pid} .*\\)$`)),
    expect.stringMatching(new RegExp(`^pool +shared 1/3 +\\d+ s +0 +${own}$`)),
    expect.stringMatching(/^unused +free +- +0 +-$/),
    '',
  ]);
  expect(JSON.parse(json.stdout)).toMatchObject([
    { name: 'alone', state: 'held', waiters: 0, holders: [{ pid: process.pid, label: 'node deploy.js' }] },
    { name: 'died', state: 'free', abandonedBy: { pid: victim.pid } },
    { name: 'pool', state: 'shared', permits: 3, holders: [{ pid: process.pid }] },
    { name: 'unused', state: 'free', holders: [] },
  ]);
  expect([alone, pool].map((held) => held.released)).toEqual([false, false]);
});

it('lockutils ls shows more locks than a call of a function may have arguments', () => {
  const unused = {
    state: 'free',
    holders: [],
    permits: undefined,
    waiters: 0,
    ageMs: 5000,
    abandonedBy: undefined,
  } as const;
  const locks = Array.from({ length: 200_000 }, (_, n) => {
    return { ...unused, name: `job-${n}`, lockFile: `/locks/job-${n}`, lastUsed: new Date(0) };
  });
  expect(formatLocks(locks).split('\n').slice(0, 2)).toEqual([
    'NAME        STATE  AGE  WAITERS  HOLDER',
    'job-0       free   5 s  0        -',
  ]);
});

it('lockutils ls and clean show and remove what the lockfile driver has left', async () => {
  using directory = lockDirectory();
  const options = { external: true, lockPath: directory.path, driver: 'lockfile' } as const;
  const env = { OSLO_LOCK_PATH: directory.path };
  await using victim = await Contender.start();
  await victim.acquire('died', options);
  await victim.end();
  await using waiter = await Contender.start();
  await using held = await lock('held', options);
  await waiter.queue('held', options);
  const [listed, kept, removed] = [
    await lockutils(['ls'], env),
    await lockutils(['clean'], env),
    await lockutils(['clean', '--abandoned'], env),
  ];
  expect(listed.stdout.split('\n').slice(1)).toEqual([
    expect.stringMatching(new RegExp(`^died +free +- +0 +\\(died holding it: pid ${victim.pid} .*\\)$`)),
    expect.stringMatching(new RegExp(`^held +held +\\d+ s +1 +pid ${process.pid} .+$`)),
    '',
  ]);
  expect(kept).toMatchObject({ status: 0, stdout: 'removed 0, kept 2 (1 abandoned, 1 held)\n' });
  expect(removed).toMatchObject({ status: 0, stdout: 'removed died\nremoved 1, kept 1 (1 held)\n' });
  expect(held.released).toBe(false);
});

it('lockutils clean removes what nobody uses, reports the rest, and first tells with --dry-run', async () => {
  using directory = lockDirectory();
  const options = { external: true, lockPath: directory.path };
  const env = { OSLO_LOCK_PATH: directory.path };
  await using held = await lock('held', options);
  await (await lock('unused', options)).release();
  writeFileSync(join(directory.path, 'notes'), 'hello');
  const left = 'left alone notes: not one of our lock files\n';
  expect(await lockutils(['clean', '--dry-run'], env)).toMatchObject({
    status: 0,
    stdout: `would remove unused\n${left}would remove 1, kept 2 (1 held, 1 foreign)\n`,
  });
  expect(await lockutils(['clean', '--older-than', '1h'], env)).toMatchObject({
    status: 0,
    stdout: `${left}removed 0, kept 3 (2 recent, 1 foreign)\n`,
  });
  const json = await lockutils(['clean', '--json'], env);
  expect(JSON.parse(json.stdout)).toEqual({
    removed: ['unused'],
    kept: [
      { name: 'held', reason: 'held' },
      { name: 'notes', reason: 'foreign' },
    ],
  });
  expect(visible(directory.path).sort()).toEqual(['held', 'notes']);
  expect(held.released).toBe(false);
});

it('lockutils clean exits with 1 when something could not be removed, and says what', async () => {
  using directory = lockDirectory();
  await (await lock('stuck', { external: true, lockPath: directory.path })).release();
  mkdirSync(join(directory.path, '.oslo-concurrency', 'queue', 'stuck'), { recursive: true });
  const { status, stderr } = await lockutils(['clean', '--lock-path', directory.path]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^lockutils: cannot remove stuck: .+\n$/);
});

it('every command has --help with examples, and --version tells the version', async () => {
  const asked = [[], ['run'], ['ls'], ['clean']].map((command) => lockutils([...command, '--help']));
  for (const { status, stdout, stderr } of await Promise.all(asked)) {
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Usage: lockutils/);
    expect(stdout).toMatch(/\nExamples:\n {2}lockutils /);
  }
  expect((await lockutils(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

it('lockutils refuses unknown commands and options with 64, and a missing lock path with 71', async () => {
  const cases: readonly (readonly [number, readonly string[]])[] = [
    [64, []],
    [64, ['list']],
    [64, ['ls', '--all']],
    [64, ['ls', 'name']],
    [64, ['clean', '--older-than', 'long']],
    [71, ['ls']],
    [71, ['clean', '--lock-path', '/nowhere/at/all']],
  ];
  const ended = await Promise.all(cases.map(([, args]) => lockutils(args, { OSLO_LOCK_PATH: '' })));
  expect(ended.map(({ status, stdout, stderr }) => [status, stdout, stderr !== ''])).toEqual(
    cases.map(([status]) => [status, '', true]),
  );
});
