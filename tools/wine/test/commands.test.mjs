// What processutils promises on Windows.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { execute } from '@oslo-concurrency/processutils';

const folder = mkdtempSync('C:\\work\\commands-');
const ticks = join(folder, 'ticks');
// The leaf writes as long as it lives; it would end by itself after 100 s.
const family = join(folder, 'family.cjs');
writeFileSync(
  family,
  `const { appendFileSync } = require('node:fs');
   const { spawn } = require('node:child_process');
   if (process.argv[2] === 'leaf') setInterval(() => appendFileSync(${JSON.stringify(ticks)}, '.'), 20);
   else spawn(process.execPath, [__filename, 'leaf'], { stdio: 'ignore' }).unref();
   if (process.argv[2] !== 'orphaning') setTimeout(() => process.exit(), 100_000).ref();`,
);
const length = () => (existsSync(ticks) ? readFileSync(ticks).length : 0);

async function leafWrites() {
  // Three processes one after the other, each of which takes a busy machine some seconds to start.
  for (const end = Date.now() + 60_000; Date.now() < end; await pause(20)) if (length() > 0) return;
  throw new Error('the leaf did not start');
}

/** Nothing more is written by a process that was ended; the pause is not what is waited for. */
async function isQuiet() {
  const before = length();
  await pause(300);
  return length() === before;
}

function assertEnded(error, code) {
  assert.equal(error.code, code);
  assert.equal(error.endedBy, 'SIGKILL');
  assert.deepEqual(error.remaining, []);
}

test('G23 execute ends a command and its descendants when its signal is aborted, and nothing remains', async () => {
  const abort = new AbortController();
  const running = execute('node.exe', [family], { signal: abort.signal, env: env() }).catch((error) => error);
  await leafWrites();
  abort.abort();
  assertEnded(await running, 'ERR_PROCESS_ABORTED');
  assert.ok(await isQuiet());
});

test('G23 execute ends a command and its descendants at its timeout, and nothing remains', async () => {
  // On a slow machine the leaf needs longer to start: then the timeout proves nothing, and a longer one is given.
  for (let timeout = 2000; ; timeout *= 2) {
    writeFileSync(ticks, '');
    const error = await execute('node.exe', [family], { timeout, env: env() }).catch((failure) => failure);
    assertEnded(error, 'ERR_PROCESS_TIMEOUT');
    assert.ok(await isQuiet());
    if (length() > 0) return;
    assert.ok(timeout < 30_000, 'the leaf does not start');
  }
});

test('G23 execute says that it does not know what is left where the processes cannot be listed', async () => {
  // Without the folder of the system, no program that lists processes is found.
  const { SystemRoot } = process.env;
  process.env.SystemRoot = 'C:\\nowhere';
  try {
    const error = await execute(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { timeout: 500 }).catch(
      (e) => e,
    );
    assert.equal(error.code, 'ERR_PROCESS_TIMEOUT');
    assert.equal(error.remaining[0].pid, 0);
    assert.equal(error.remaining[0].name, 'unknown');
  } finally {
    process.env.SystemRoot = SystemRoot;
  }
});

test('G23 killOnParentExit ends a command and its descendants when the process that started it is killed', async () => {
  writeFileSync(ticks, '');
  const program = `import { execute } from ${JSON.stringify(import.meta.resolve('@oslo-concurrency/processutils'))};
    await execute(${JSON.stringify(process.execPath)}, [${JSON.stringify(family)}], { killOnParentExit: true });`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'ignore', env: env() });
  await leafWrites();
  parent.kill('SIGKILL');
  for (const end = Date.now() + 10_000; Date.now() < end; ) if (await isQuiet()) return;
  assert.fail('the leaf still writes');
});

test('execute finds a program by PATH and PATHEXT', async () => {
  writeFileSync(join(folder, 'says.cmd'), '@echo off\r\necho said %~1\r\n');
  const { stdout } = await execute('says', ['it'], { env: env(folder) });
  assert.equal(stdout.trim(), 'said it');
});

test('execute reports a program that does not exist as a failure to start', async () => {
  for (const program of ['no-such-program', 'C:\\nowhere\\program.exe']) {
    await assert.rejects(execute(program), (error) => {
      assert.equal(error.code, 'ERR_PROCESS_EXECUTION');
      assert.equal(error.cause.code, 'ENOENT');
      assert.equal(error.exitCode, undefined);
      return true;
    });
  }
});

test('execute has the shell of Windows run a script with shell: true', async () => {
  const { stdout } = await execute('echo one& echo "two  2" %SOME%', [], {
    shell: true,
    env: { ...env(), SOME: 'three' },
  });
  assert.deepEqual(
    stdout.split('\r\n').map((line) => line.trim()),
    ['one', '"two  2" three', ''],
  );
  await assert.rejects(execute('exit 3', [], { shell: true }), { exitCode: 3 });
  await assert.rejects(execute('echo', ['word'], { shell: true }), { code: 'ERR_INVALID_OPTION' });
});

function env(...more) {
  const { PATH, Path, ...rest } = process.env;
  return { ...rest, Path: [...more, join(process.execPath, '..'), PATH ?? Path].join(';') };
}
