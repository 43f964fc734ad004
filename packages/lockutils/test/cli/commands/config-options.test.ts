import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lock } from '@oslo-concurrency/lockutils';
import { beforeAll, expect, it } from 'vitest';
import { lockutils } from '../../support/command.js';
import { lockDirectory } from '../../support/lock-directory.js';

// Three lock paths, each with a lock of its own name, and files that set the lock path to each.
const directory = lockDirectory();
const at = (name: string): string => join(directory.path, name);

beforeAll(async () => {
  for (const name of ['one', 'two', 'three']) {
    mkdirSync(at(name));
    await lock(`in-${name}`, { external: true, lockPath: at(name) }, () => {});
    writeFileSync(at(`${name}.conf`), `[oslo_concurrency]\nlock_path = ${at(name)}\n`);
  }
  writeFileSync(at('logging.conf'), '[DEFAULT]\nlog_file = /log\n');
  mkdirSync(at('conf.d'));
  writeFileSync(at('conf.d/20.conf'), `[oslo_concurrency]\nlock_path = ${at('two')}\n`);
  writeFileSync(at('conf.d/10.conf'), `[oslo_concurrency]\nlock_path = ${at('three')}\n`);
  writeFileSync(at('conf.d/30.conf.bak'), 'not a configuration file');
  return () => directory[Symbol.dispose]();
});

const listed = async (...args: string[]): Promise<string[]> => {
  const env = { OSLO_LOCK_PATH: '', HOME: directory.path };
  const { status, stdout, stderr } = await lockutils(['ls', '--json', ...args], env);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
};

it('lockutils ls reads every --config-file, and the last that sets the lock path wins', async () => {
  expect(await listed('--config-file', at('one.conf'), '--config-file', at('logging.conf'))).toEqual(['in-one']);
  expect(await listed('--config-file', at('one.conf'), '--config-file', at('two.conf'))).toEqual(['in-two']);
});

it('lockutils ls reads the files *.conf of a --config-dir by their names in order', async () => {
  expect(await listed('--config-dir', at('conf.d'))).toEqual(['in-two']);
});

it('lockutils ls reads --config-file and --config-dir in the order in which they were given', async () => {
  expect(await listed('--config-file', at('one.conf'), '--config-dir', at('conf.d'))).toEqual(['in-two']);
  expect(await listed('--config-dir', at('conf.d'), '--config-file', at('one.conf'))).toEqual(['in-one']);
});

it('lockutils ls takes ~ in --config-file=~/one.conf and in --config-dir for the home directory, as oslo does', async () => {
  expect(await listed('--config-file=~/one.conf')).toEqual(['in-one']);
  expect(await listed('--config-dir=~/conf.d')).toEqual(['in-two']);
});

it('lockutils ls lets --lock-path win over --config-file', async () => {
  expect(await listed('--config-file', at('one.conf'), '--lock-path', at('two'))).toEqual(['in-two']);
});

it.each(['ls', 'clean'])(
  'lockutils %s exits with 71 when a --config-dir is missing, and with 64 when it is empty',
  async (command) => {
    const missing = await lockutils([command, '--config-dir', at('missing.d')]);
    expect(missing).toMatchObject({ status: 71, stderr: `lockutils: ${at('missing.d')}: cannot be read (ENOENT)\n` });
    for (const option of ['--config-dir', '--config-file']) {
      expect(await lockutils([command, option, ''])).toMatchObject({ status: 64 });
    }
  },
);

it('lockutils clean reads every --config-file', async () => {
  const args = ['clean', '--dry-run', '--config-file', at('one.conf'), '--config-file', at('logging.conf')];
  expect((await lockutils(args, { OSLO_LOCK_PATH: '' })).stdout).toContain('would remove in-one');
});
