import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFile } from '../../build/lock-path/new-file.js';

// Numbers that no account has. Two users in the group `team` besides their own, the service the lock path is made for, and
// a stranger.
const team = 64_100;
const users = {
  root: { uid: 0, gid: 0, groups: [] },
  svc: { uid: 64_001, gid: 64_001, groups: [] },
  ann: { uid: 64_002, gid: 64_002, groups: [team] },
  bob: { uid: 64_003, gid: 64_003, groups: [team] },
  stranger: { uid: 64_004, gid: 64_004, groups: [] },
} as const;
type User = keyof typeof users;

const program = fileURLToPath(new URL('../../bin/lockutils.js', import.meta.url));
const recordsOpens = fileURLToPath(new URL('../fixtures/records-opens.mjs', import.meta.url));
const takePart = fileURLToPath(new URL('../fixtures/take-part.mjs', import.meta.url));

/** The command line that runs a command as another user, with a umask. */
function as(user: User, umask: string, command: readonly string[]): [string, string[]] {
  const { uid, gid, groups } = users[user];
  const membership = groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')];
  const become = ['--reuid', `${uid}`, '--regid', `${gid}`, ...membership];
  return ['setpriv', [...become, 'sh', '-c', `umask ${umask}; exec "$@"`, 'sh', ...command]];
}

const missing = ((): string | undefined => {
  if (process.getuid?.() !== 0) return 'needs root, to be several users';
  const [file, args] = as('stranger', '022', [
    process.execPath,
    '-e',
    `require('node:fs').accessSync(${JSON.stringify(takePart)})`,
  ]);
  return spawnSync(file, args).status === 0
    ? undefined
    : 'needs setpriv, and a checkout and a Node that others may read';
})();
const describeUsers = missing === undefined ? describe : describe.skip;
const because = missing === undefined ? '' : ` (${missing})`;

interface Kind {
  readonly title: string;
  readonly owner: readonly [uid: number, gid: number];
  readonly mode: number;
  /** Who uses it, each with a umask. */
  readonly parts: readonly (readonly [User, string])[];
}

const kinds: Kind[] = [
  {
    title: 'a 0770 directory of a service, in which root was first',
    owner: [users.svc.uid, users.svc.gid],
    mode: 0o770,
    parts: [
      ['root', '022'],
      ['svc', '022'],
    ],
  },
  {
    title: 'a 0700 directory of a service, in which root was first with umask 077',
    owner: [users.svc.uid, users.svc.gid],
    mode: 0o700,
    parts: [
      ['root', '077'],
      ['svc', '000'],
    ],
  },
  {
    title: 'a 2770 directory of a group',
    owner: [0, team],
    mode: 0o2770,
    parts: [
      ['ann', '077'],
      ['bob', '022'],
      ['root', '077'],
    ],
  },
  {
    title: 'a 0770 directory of a group, not setgid',
    owner: [users.ann.uid, team],
    mode: 0o770,
    parts: [
      ['bob', '022'],
      ['ann', '077'],
    ],
  },
  {
    title: 'a sticky directory of everybody',
    owner: [0, 0],
    mode: 0o1777,
    parts: [
      ['ann', '077'],
      ['stranger', '022'],
      ['root', '077'],
      ['bob', '002'],
    ],
  },
];

let lockPath: string;
let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'users-'));
  chmodSync(scratch, 0o755);
  lockPath = join(scratch, 'locks');
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

function makeLockPath([uid, gid]: readonly [number, number], mode: number): void {
  mkdirSync(lockPath);
  chownSync(lockPath, uid, gid);
  chmodSync(lockPath, mode);
}

/** What a program said, run as a user to its end. */
function said(user: User, umask: string, driver: string, ...command: readonly string[]): string {
  const [file, args] = as(user, umask, [process.execPath, ...command]);
  const { stdout, stderr } = spawnSync(file, args, {
    encoding: 'utf8',
    env: { ...process.env, OSLO_LOCK_DRIVER: driver, OSLO_LOCK_PATH: lockPath },
  });
  return `${stdout}${stderr}`;
}

/** Starts to take part as a user, up to where it stands by; with what it said until then. */
async function start(user: User, umask: string, driver: string, part: string) {
  const [file, args] = as(user, umask, [process.execPath, takePart, lockPath, driver, part]);
  const child = spawn(file, args);
  let heard = '';
  for await (const data of child.stdout) {
    heard += data;
    if (heard.includes('standing by\n')) break;
  }
  return [child, heard] as const;
}

async function end(child: Awaited<ReturnType<typeof start>>[0]): Promise<void> {
  child.stdin.end();
  await once(child, 'exit');
}

// What goes meanwhile is not there: a place in the line is left after the lock was granted.
function namesBelow(folder: string, path = ''): string[] {
  try {
    const names = readdirSync(join(folder, path), { withFileTypes: true });
    return names.flatMap((entry) => {
      const name = join(path, entry.name);
      return entry.isDirectory() ? [name, ...namesBelow(folder, name)] : [name];
    });
  } catch {
    return [];
  }
}

/** The names, below the lock path, of what differs from it in group or access, or has another owner than it should. */
function unlike({ owner, mode }: Pick<Kind, 'owner' | 'mode'>, mayBeOwnedBy: readonly User[]): string[] {
  const [, gid] = owner;
  const owners = [owner[0], ...mayBeOwnedBy.filter((user) => user !== 'root').map((user) => users[user].uid)];
  const everybody = (mode & 0o007) === 0o007;
  return namesBelow(lockPath).flatMap((name) => {
    const stats = lstatSync(join(lockPath, name), { throwIfNoEntry: false });
    if (stats === undefined) return [];
    const most = name.endsWith('driver')
      ? 0o755
      : name.includes('/driver/')
        ? 0o644
        : stats.isDirectory()
          ? 0o777
          : 0o666;
    const right =
      (stats.mode & 0o777) === (mode & most) && (everybody || stats.gid === gid) && owners.includes(stats.uid);
    return right ? [] : [`${name} ${stats.uid}:${stats.gid} ${(stats.mode & 0o7777).toString(8)}`];
  });
}

const all = ['plain', 'fair', 'shared', 'permits'];

describeUsers.each(['kernel', 'lockfile'])(`users who share a lock path, driver %s${because}`, (driver) => {
  test.each(kinds)(
    'lock, list and clean after each other in $title, whatever their umask',
    ({ owner, mode, parts }) => {
      makeLockPath(owner, mode);
      for (const [user, umask] of [...parts, ...parts.slice(0, 1)]) {
        const ways = [...all, ...(driver === 'lockfile' ? ['lease'] : [])];
        expect(said(user, umask, driver, takePart, lockPath, driver, 'alone'), user).toBe(
          ways.map((way) => `${way}: ok\n`).join(''),
        );
        expect(said(user, umask, driver, program, 'run', 'job', '--', 'echo', 'done'), user).toBe('done\n');
        expect(said(user, umask, driver, program, 'ls'), user).toMatch(/^NAME .*\n([^:]+ free .*\n)*$/);
        expect(
          unlike(
            { owner, mode },
            parts.map(([name]) => name),
          ),
          user,
        ).toEqual([]);
      }
      const [last, umask] = parts[0] as readonly [User, string];
      // In a sticky directory only the owner removes.
      const cleaner = (mode & 0o1000) === 0 ? last : 'root';
      expect(said(cleaner, umask, driver, program, 'clean')).toMatch(/^(removed .*\n)*removed \d+, kept 0\n$/);
      const left = readdirSync(lockPath).filter((name) => name !== '.oslo-concurrency');
      expect(left).toEqual([]);
    },
  );

  test.each(kinds)('see each other holding and share in $title', async ({ owner, mode, parts }) => {
    makeLockPath(owner, mode);
    for (const [index, [user, umask]] of parts.slice(0, 2).entries()) {
      const [other, otherUmask] = parts[(index + 1) % parts.length] as readonly [User, string];
      const [holder, heard] = await start(user, umask, driver, 'hold');
      expect(heard, user).toBe(`${all.map((way) => `hold ${way}: ok\n`).join('')}standing by\n`);
      expect(
        unlike(
          { owner, mode },
          parts.map(([name]) => name),
        ),
        user,
      ).toEqual([]);
      const beside = said(other, otherUmask, driver, takePart, lockPath, driver, 'beside');
      const timedOut = (way: string): string =>
        `beside ${way}: ERR_LOCK_TIMEOUT Timed out after 50 ms waiting for the lock held-${way}: held by pid ${holder.pid} `;
      expect(beside.split('\n'), other).toEqual([
        expect.stringContaining(timedOut('plain')),
        expect.stringContaining(timedOut('fair')),
        'beside shared: ok',
        'beside permits: ok',
        '',
      ]);
      expect(said(other, otherUmask, driver, program, 'ls'), other).toMatch(
        new RegExp(`held-plain +held .* pid ${holder.pid} `),
      );
      expect(said(other, otherUmask, driver, program, 'clean'), other).toContain('4 held');
      const [sharer, sharing] = await start(other, otherUmask, driver, 'share');
      expect(sharing, other).toBe('share shared: ok\nshare permits: ok\nstanding by\n');
      await end(holder);
      await end(sharer);
      for (const name of ['held-shared', 'held-permits']) {
        expect(said(user, umask, driver, program, 'run', '--timeout', '10s', name, '--', 'echo', 'alone'), name).toBe(
          'alone\n',
        );
      }
    }
  });

  test.each(kinds)('take over at once from each other’s dead in $title', async ({ owner, mode, parts }) => {
    makeLockPath(owner, mode);
    for (const [index, [user, umask]] of parts.slice(0, 2).entries()) {
      const [other, otherUmask] = parts[(index + 1) % parts.length] as readonly [User, string];
      const [holder] = await start(user, umask, driver, 'hold');
      const died = once(holder, 'exit');
      holder.kill('SIGKILL');
      await died;
      for (const name of ['held-plain', 'held-fair']) {
        const answer = said(
          other,
          otherUmask,
          driver,
          program,
          'run',
          '--timeout',
          '10s',
          name,
          '--',
          'printenv',
          'OSLO_PREVIOUS_OWNER_DIED',
        );
        expect(answer, name).toBe('1\n');
      }
      for (const name of ['held-shared', 'held-permits']) {
        expect(
          said(other, otherUmask, driver, program, 'run', '--timeout', '10s', name, '--', 'echo', 'alone'),
          name,
        ).toBe('alone\n');
      }
    }
  });
});

describeUsers(`a file that shuts users out of their lock path${because}`, () => {
  test.each([
    ['kernel', 'job', 0o600],
    ['kernel', '.oslo-concurrency', 0o700],
    ['kernel', '.oslo-concurrency/driver', 0o700],
    ['lockfile', '.oslo-concurrency/lockfile/held', 0o700],
    ['lockfile', '.oslo-concurrency/lockfile/new', 0o700],
  ])('is named with its rights and the command that mends it, driver %s, %s', (driver, name, mode) => {
    makeLockPath([0, team], 0o2770);
    said('root', '022', driver, program, 'run', 'job', '--', 'true');
    const path = join(lockPath, name);
    chownSync(path, 0, 0);
    chmodSync(path, mode);
    for (const command of [['run', 'job', '--', 'true'], ['ls'], ['clean']]) {
      const [told, ...more] = said('ann', '022', driver, program, ...command).split('\n');
      const works = command[0] !== 'run' && name === 'job';
      if (works || (name.endsWith('/new') && command[0] !== 'run') || told?.startsWith('removed 0, kept 1')) continue;
      expect(told, command[0]).toMatch(
        /^lockutils: .*belongs to root:root with mode 0[67]00\. As its owner or as root: chgrp /,
      );
      const mended = /As its owner or as root: (.*)$/.exec(told as string)?.[1] as string;
      expect(mended).toContain(`chgrp ${team} ${path}`);
      expect(more, command[0]).toEqual(expect.arrayContaining(['']));
    }
    const failure = said('ann', '022', driver, program, 'run', 'job', '--', 'true');
    spawnSync('sh', ['-c', /As its owner or as root: (.*)$/m.exec(failure)?.[1] as string]);
    expect(said('ann', '022', driver, program, 'run', 'job', '--', 'echo', 'mended')).toBe('mended\n');
  });

  test('is said to be unreadable by clean, and listed as unknown by ls, when it is a lock file that the user may not read', () => {
    makeLockPath([0, 0], 0o1777);
    for (const name of ['free', 'old']) said('stranger', '022', 'kernel', program, 'run', name, '--', 'true');
    for (const name of ['free', 'old']) chmodSync(join(lockPath, name), 0o600);
    writeFileSync(join(lockPath, 'archive'), Buffer.alloc(100_000), { mode: 0o600 });
    writeFileSync(join(lockPath, '.secret'), '', { mode: 0o600 });
    const path = join(lockPath, 'free');
    const facts = `this user may not (EACCES); it belongs to ${users.stranger.uid}:${users.stranger.gid} with mode 0600. `;
    const mend = `As its owner or as root: chmod 0666 ${path}`;
    const cleaned = said('ann', '022', 'kernel', program, 'clean');
    expect(cleaned).toContain(`left alone free, which cannot be read: The lock file ${path} cannot be opened`);
    expect(cleaned).toContain(`${facts}${mend}\n`);
    expect(cleaned).not.toContain('not a lock file of ours');
    expect(cleaned).toMatch(/^removed 0, kept 4 \(4 unreadable\)$/m);
    const kept = JSON.parse(said('ann', '022', 'kernel', program, 'clean', '--json')).kept;
    expect(kept.find(({ name }: { name: string }) => name === 'free')).toEqual({
      name: 'free',
      reason: 'unreadable',
      error: expect.stringContaining(facts),
    });
    const table = said('ann', '022', 'kernel', program, 'ls').split('\n');
    expect(table.slice(1)).toEqual([
      expect.stringMatching(/^free +unknown +- +0 +\(this user may not read the lock file\)$/),
      expect.stringMatching(/^old +unknown /),
      '',
    ]);
    const listed = JSON.parse(said('ann', '022', 'kernel', program, 'ls', '--json'));
    expect(listed[0]).toMatchObject({ name: 'free', state: 'unknown', note: expect.stringContaining(mend) });
    expect(said('root', '022', 'kernel', program, 'ls')).toMatch(/^free +free /m);
  });

  test('is listed as held, by whom the kernel names, when its holder locked it', async () => {
    makeLockPath([0, 0], 0o1777);
    const [holder] = await start('stranger', '022', 'kernel', 'hold');
    chmodSync(join(lockPath, 'held-plain'), 0o600);
    expect(said('ann', '022', 'kernel', program, 'ls')).toMatch(/^held-plain +held /m);
    expect(said('ann', '022', 'kernel', program, 'clean')).toContain('left alone held-plain, which cannot be read: ');
    await end(holder);
  });

  test('is not one that root creates behind a link which the owner of the lock path laid', () => {
    makeLockPath([users.svc.uid, users.svc.gid], 0o770);
    said('svc', '022', 'kernel', program, 'run', 'first', '--', 'true');
    const elsewhere = join(scratch, 'elsewhere');
    mkdirSync(elsewhere, { mode: 0o755 });
    symlinkSync(elsewhere, join(lockPath, '.oslo-concurrency', 'seats'));
    const fresh = join(lockPath, '.oslo-concurrency', 'seats', 'x');
    createFile(lockPath, fresh);
    const { uid, gid, mode } = lstatSync(join(elsewhere, 'x'));
    expect([uid, gid, (mode & 0o777).toString(8)]).toEqual([0, 0, '644']);
  });
});

// The kernel refuses O_CREAT without O_EXCL on a file that is another user's, in a sticky directory, where
// `fs.protected_regular` is on. That it is cannot be set for one test, so no such call may be made anywhere.
test.runIf(process.platform === 'linux').each(['kernel', 'lockfile'])(
  'no file of a lock path is opened with O_CREAT without O_EXCL, as fs.protected_regular may refuse, driver %s',
  async (driver) => {
    makeLockPath([process.getuid?.() ?? 0, process.getgid?.() ?? 0], 0o1777);
    const { stdout, stderr } = spawnSync(process.execPath, [recordsOpens, lockPath, driver], { encoding: 'utf8' });
    expect(stderr).toBe('');
    const { seen, creating } = JSON.parse(stdout) as { readonly seen: number; readonly creating: readonly string[] };
    expect(seen).toBeGreaterThan(10);
    expect(creating).toEqual([]);
  },
);

describeUsers(`a user whom the lock path does not admit${because}`, () => {
  test.each(['kernel', 'lockfile'])('is told so by run, ls and clean, driver %s', (driver) => {
    makeLockPath([users.svc.uid, users.svc.gid], 0o700);
    said('svc', '022', driver, program, 'run', 'job', '--', 'true');
    const refused = (command: string, ...more: string[]): string =>
      said('ann', '022', driver, program, command, ...more);
    expect(refused('run', 'job', '--', 'true')).toBe(
      `lockutils: The lock path ${lockPath} is not writable for this user; allow the users whose processes take part to write there\n`,
    );
    for (const command of ['ls', 'clean']) {
      expect(refused(command)).toBe(
        `lockutils: The lock path ${lockPath} is not readable for this user; allow the users whose processes take part to read it\n`,
      );
    }
  });

  test.each(['kernel', 'lockfile'])(
    'may look where the directory lets everybody look, and changes nothing, driver %s',
    (driver) => {
      makeLockPath([users.svc.uid, users.svc.gid], 0o755);
      expect(said('svc', '077', driver, program, 'run', 'job', '--', 'true')).toBe('');
      expect(said('ann', '022', driver, program, 'ls')).toMatch(/^NAME/);
      expect(said('ann', '022', driver, program, 'ls').includes('job ')).toBe(driver === 'kernel');
      expect(said('ann', '022', driver, program, 'run', 'job', '--', 'true')).toContain(`${lockPath}`);
      expect(existsSync(join(lockPath, 'job'))).toBe(driver === 'kernel');
    },
  );
});
