// What lockutils promises on Windows.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { InterProcessLock, listLocks, lock, lockSync } from '@oslo-concurrency/lockutils';

const lockPath = mkdtempSync('C:\\work\\locks-');
const external = { external: true, lockPath };
const lockFiles = (path = lockPath) => readdirSync(path).filter((name) => name !== '.oslo-concurrency');
const program = `import { lock } from ${JSON.stringify(import.meta.resolve('@oslo-concurrency/lockutils'))};
  await lock(process.argv[1], ${JSON.stringify(external)});
  process.stdout.write('held');
  setInterval(() => {}, 1000);`;

/** Another process that holds the lock until it is killed. */
async function holder(name) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    pid: child.pid,
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

for (const [how, options] of [
  ['of the kernel driver', { driver: 'kernel' }],
  ['of the kernel driver in order of arrival', { driver: 'kernel', fair: true }],
  ['of the kernel driver with one permit', { driver: 'kernel', permits: 1 }],
  ['of the lockfile driver', { driver: 'lockfile' }],
]) {
  test(`G1 one process at a time holds a lock ${how}, and each that waits gets it`, async () => {
    const path = mkdtempSync('C:\\work\\counted-');
    const file = join(path, 'count');
    const counting = `import { readFileSync, writeFileSync } from 'node:fs';
      import { lock } from ${JSON.stringify(import.meta.resolve('@oslo-concurrency/lockutils'))};
      const options = { external: true, lockPath: ${JSON.stringify(join(path, 'locks'))}, ...${JSON.stringify(options)} };
      for (let i = 0; i < 20; i += 1) await lock('count', options, () => {
        writeFileSync(${JSON.stringify(file)}, String(Number(readFileSync(${JSON.stringify(file)}, 'utf8')) + 1));
      });`;
    mkdirSync(join(path, 'locks'));
    writeFileSync(file, '0');
    const children = [1, 2, 3].map(() =>
      spawn(process.execPath, ['--input-type=module', '-e', counting], { stdio: 'inherit' }),
    );
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0]));
    assert.deepEqual(codes, [0, 0, 0]);
    assert.equal(readFileSync(file, 'utf8'), '60');
  });
}

test('G5 a lock whose holder was killed is granted, and the next holder learns of it', async () => {
  const other = await holder('killed');
  await assert.rejects(lock('killed', { ...external, blocking: false }), { code: 'ERR_LOCK_NOT_ACQUIRED' });
  await other.kill();
  await lock('killed', { ...external, timeout: 10_000 }, ({ previousOwnerDied }) =>
    assert.equal(previousOwnerDied, true),
  );
});

test('a lock excludes a program that locks the whole file, as Python does', async () => {
  const here = createRequire(fileURLToPath(import.meta.resolve('@oslo-concurrency/lockutils')));
  const { tryLock } = here('fs-native-extensions');
  await lock('whole', external, () => {
    const fd = openSync(join(lockPath, 'whole'), 'r+');
    assert.equal(tryLock(fd, 0, 0), false);
    closeSync(fd);
  });
  const fd = openSync(join(lockPath, 'whole'), 'r+');
  assert.equal(tryLock(fd, 0, 0), true);
  await assert.rejects(lock('whole', { ...external, blocking: false }), { code: 'ERR_LOCK_NOT_ACQUIRED' });
  closeSync(fd);
});

test('each lock name has one file in the lock path, whatever Windows makes of names, and no two have the same', () => {
  const path = mkdtempSync('C:\\work\\names-');
  const names = [
    '..\\escape',
    'C:\\escape',
    'a*b?',
    '<>|"',
    'con',
    'NUL',
    'com1.txt',
    'web',
    'web.',
    'web ',
    'Web',
    'WEB',
    'web:stream',
  ];
  names.push('é', 'É', 'e\u0301', '100%', '%41', 'A', 'longfilename', 'longfi~1', '.', 'tab\t', 'x/y', 'x\\y');
  const taken = names.filter((name) => name !== '.');
  const held = taken.map((name) => lockSync(name, { external: true, lockPath: path, blocking: false }));
  assert.equal(lockFiles(path).length, taken.length);
  for (const name of taken) {
    const again = () => lockSync(name, { external: true, lockPath: path, blocking: false });
    assert.throws(again, (error) => ['ERR_LOCK_NOT_ACQUIRED', 'ERR_DEADLOCK'].includes(error.code), name);
  }
  for (const each of held) each.release();
  assert.deepEqual(
    readdirSync('C:\\').filter((name) => name.includes('escape')),
    [],
  );
  assert.deepEqual(
    readdirSync('C:\\work').filter((name) => name.includes('escape')),
    [],
  );
  assert.throws(() => lockSync('.', { external: true, lockPath: path }), { code: 'ERR_INVALID_LOCK_NAME' });
});

test('a path that is no plain file on Windows is refused before anything is created', () => {
  for (const name of ['a*b', 'nul', 'COM1.lock', 'end.', 'a:b']) {
    assert.throws(() => new InterProcessLock(`${lockPath}\\${name}`), { code: 'ERR_INVALID_OPTION' }, name);
  }
});

/** Another process that asks for a lock at once, says so, and holds it until it is told to release it, or killed. */
async function contender(name, options) {
  const source = `import { lock } from ${JSON.stringify(import.meta.resolve('@oslo-concurrency/lockutils'))};
    const options = { ...${JSON.stringify({ ...external, ...options })}, onWait: () => process.stdout.write('waits ') };
    const held = await lock(${JSON.stringify(name)}, options);
    process.stdout.write('held ');
    process.stdin.once('data', async () => {
      await held.release();
      process.exit();
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (text) => {
    said += text;
  });
  return {
    /** Resolves when it has said this. */
    async says(word) {
      while (!said.includes(word)) await once(child.stdout, 'data');
    },
    holds: () => said.includes('held'),
    async release() {
      child.stdin.write('release');
      await once(child, 'exit');
    },
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

test('G10 fair locks are granted in the order in which the processes asked', async () => {
  const first = await contender('fair', { fair: true });
  await first.says('held');
  const waiting = [];
  for (let n = 0; n < 3; n += 1) {
    const next = await contender('fair', { fair: true });
    await next.says('waits');
    waiting.push(next);
  }
  await first.release();
  for (const [n, next] of waiting.entries()) {
    await next.says('held');
    assert.deepEqual(
      waiting.map((each) => each.holds()),
      waiting.map((_, other) => other <= n),
    );
    await next.release();
  }
});

test('G10 a waiter that is killed in the queue holds up nobody', async () => {
  const first = await contender('gap', { fair: true });
  await first.says('held');
  const second = await contender('gap', { fair: true });
  await second.says('waits');
  const third = await contender('gap', { fair: true });
  await third.says('waits');
  await second.kill();
  await first.release();
  await third.says('held');
  await third.release();
});

test('readers hold a lock together, and a writer excludes them', async () => {
  const readers = [await contender('shared', { shared: true }), await contender('shared', { shared: true })];
  for (const reader of readers) await reader.says('held');
  assert.equal((await listLocks({ lockPath })).find(({ name }) => name === 'shared').state, 'shared');
  await assert.rejects(lock('shared', { ...external, blocking: false }), { code: 'ERR_LOCK_NOT_ACQUIRED' });
  await readers[0].release();
  await readers[1].kill();
  await lock('shared', { ...external, timeout: 10_000 }, () =>
    assert.rejects(lock('shared', { ...external, shared: true, blocking: false }), (error) =>
      ['ERR_LOCK_NOT_ACQUIRED', 'ERR_DEADLOCK'].includes(error.code),
    ),
  );
});

test('permits let in so many holders and no more, and a holder that is killed makes room', async () => {
  const holders = [await contender('permits', { permits: 2 }), await contender('permits', { permits: 2 })];
  for (const each of holders) await each.says('held');
  const third = await contender('permits', { permits: 2 });
  await third.says('waits');
  assert.equal(third.holds(), false);
  await holders[0].kill();
  await third.says('held');
  await holders[1].release();
  await third.release();
});

test('a lock does not change from exclusive to shared and back, and says so', async () => {
  await lock('kind', external, async (held) => {
    await assert.rejects(held.downgrade(), { code: 'ERR_LOCK_UNSUPPORTED' });
  });
});

test('listLocks tells held locks, with their holders, from free ones and from those whose holder died', async () => {
  const path = mkdtempSync('C:\\work\\listed-');
  await lock('free', { external: true, lockPath: path }, () => {});
  await lock('taken', { external: true, lockPath: path }, async () => {
    const states = (await listLocks({ lockPath: path })).map(({ name, state, holders }) => [
      name,
      state,
      holders[0]?.pid,
    ]);
    assert.deepEqual(states, [
      ['free', 'free', undefined],
      ['taken', 'held', process.pid],
    ]);
  });
  const other = await holder('died');
  const seen = async () => (await listLocks({ lockPath })).find(({ name }) => name === 'died');
  assert.equal((await seen()).holders[0].pid, other.pid);
  await other.kill();
  assert.equal((await seen()).state, 'free');
  assert.equal((await seen()).abandonedBy.pid, other.pid);
});

test('lockutils run finds a batch file by PATHEXT, gives it its arguments, and ends with its status', () => {
  const folder = mkdtempSync('C:\\work\\bin-');
  const show = 'console.log(JSON.stringify(process.argv.slice(2)))';
  writeFileSync(join(folder, 'show.cjs'), show);
  writeFileSync(join(folder, 'shows.cmd'), `@"${process.execPath}" "%~dp0show.cjs" %*\r\n`);
  writeFileSync(join(folder, 'three.bat'), '@exit /b 3\r\n');
  const { PATH, Path, ...rest } = process.env;
  const cli = fileURLToPath(new URL('../bin/lockutils.js', import.meta.resolve('@oslo-concurrency/lockutils')));
  const run = (...words) =>
    spawnSync(process.execPath, [cli, 'run', 'x', '--lock-path', lockPath, '--', ...words], {
      encoding: 'utf8',
      env: { ...rest, Path: `${folder};${PATH ?? Path}` },
    });
  const words = ['plain', 'two words', 'a&b', '(x)', '^', ''];
  const { stdout, stderr } = run('shows', ...words);
  assert.deepEqual(JSON.parse(stdout || 'null'), words, stderr);
  assert.equal(run('three').status, 3);
  assert.equal(run('no-such-program').status, 127);
});
