import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, test } from 'vitest';
import { python } from '../../../../installed.js';
import { osloPeers } from '../../../../oslo-peers.js';
import { lockDirectory } from '../support/lock-directory.js';

const tryInPython = (path: string, env: NodeJS.ProcessEnv): string =>
  execFileSync(
    python,
    [
      '-c',
      `
import sys
from oslo_concurrency import lockutils
try:
    with lockutils.lock('shared', 'nova', external=True, lock_path=sys.argv[1], blocking=False):
        print('granted')
except lockutils.AcquireLockFailedException:
    print('refused')
`,
      path,
    ],
    { encoding: 'utf8', env },
  ).trim();

const variants = osloPeers.flatMap((peer) => [false, true].map((fair) => [peer.title, fair, peer] as const));

describe.each(variants)('beside %s, fair: %s', (_, fair, peer) => {
  const it = test.runIf(peer.present);
  const env = { ...process.env, ...peer.env };
  const optionsIn = (lockPath: string): LockOptions => ({ external: true, fair, lockPath, lockFilePrefix: 'nova' });

  it('G9 a lock held here is refused there', async () => {
    using directory = lockDirectory();
    const held = await lock('shared', optionsIn(directory.path));
    expect(tryInPython(directory.path, env)).toBe('refused');
    await held.release();
    expect(tryInPython(directory.path, env)).toBe('granted');
  });

  it('G9 a lock held there is refused here, waited for, and G18 its process named', async () => {
    using directory = lockDirectory();
    const options = optionsIn(directory.path);
    const code = `
import sys
from oslo_concurrency import lockutils
with lockutils.lock('shared', 'nova-', external=True, lock_path=sys.argv[1]):
    print('held')
    sys.stdin.read()
`;
    const holder = spawn(python, ['-u', '-c', code, directory.path], { env });
    await once(holder.stdout, 'data');
    await expect(lock('shared', { ...options, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LOCK_NOT_ACQUIRED',
    });
    const late = lock('shared', { ...options, timeout: 20 });
    await expect(late).rejects.toMatchObject({
      holders: [{ pid: holder.pid, command: expect.stringContaining('python') }],
    });
    const waiter = lock('shared', options);
    holder.stdin.end();
    await (await waiter).release();
  });

  it('G1 a SIGKILL of the Python process frees it', async () => {
    using directory = lockDirectory();
    const code = `
import sys, time
from oslo_concurrency import lockutils
with lockutils.lock('shared', 'nova', external=True, lock_path=sys.argv[1]):
    print('held'); time.sleep(600)
`;
    const holder = spawn(python, ['-u', '-c', code, directory.path], { env });
    await once(holder.stdout, 'data');
    const waiter = lock('shared', { ...optionsIn(directory.path), timeout: 5000 });
    holder.kill('SIGKILL');
    await (await waiter).release();
  });
});
