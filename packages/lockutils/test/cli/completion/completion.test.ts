import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { lock } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isInstalled } from '../../../../../installed.js';
import { lockutils } from '../../support/command.js';

let home: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'completion-'));
  const lockPath = join(home, 'locks');
  for (const folder of ['bin', 'locks', 'a folder']) mkdirSync(join(home, folder));
  writeFileSync(join(home, 'a file.conf'), '');
  const program = join(import.meta.dirname, '../../../bin/lockutils.js');
  writeFileSync(join(home, 'bin/lockutils'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
  chmodSync(join(home, 'bin/lockutils'), 0o755);
  for (const name of ['backup', 'big job', 'nova-shared']) {
    await (await lock(name, { external: true, lockPath })).release();
  }
  const { PATH } = process.env;
  env = {
    PATH: `${join(home, 'bin')}:${PATH}`,
    HOME: home,
    OSLO_LOCK_PATH: lockPath,
    TERM: 'xterm',
    LC_ALL: 'C.UTF-8',
  };
  for (const shell of ['bash', 'zsh', 'fish']) {
    writeFileSync(join(home, `completion.${shell}`), (await lockutils(['completion', shell])).stdout);
  }
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** What a shell offers for the end of each line, one list a line. */
type Shell = (lines: readonly string[]) => Promise<string[][]>;

async function run(file: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(file, args, { env, cwd: home })).stdout;
}

/** Splits what a script printed, which ends each list with a line `==`. */
function lists(text: string): string[][] {
  return text
    .split(/^==\n/m)
    .slice(0, -1)
    .map((list) =>
      list
        .split('\n')
        .filter(Boolean)
        .map((line) => line.trim()),
    );
}

// As readline calls the function: with the words broken at COMP_WORDBREAKS.
const bash: Shell = async (lines) => {
  const script = `source completion.bash
    for line in "$@"; do
      COMP_LINE=$line COMP_POINT=\${#line}
      mapfile -t COMP_WORDS < <(printf %s "$line" | grep -oE '[^ :=]+|[:=]+')
      [[ $line == *[\\ :=] ]] && COMP_WORDS+=('')
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      _lockutils lockutils
      printf '%s\\n' "\${COMPREPLY[@]}" ==
    done`;
  return lists(await run('bash', ['--norc', '-c', script, 'bash', ...lines]));
};

const fish: Shell = async (lines) => {
  const script = `source completion.fish
    for line in $argv
      complete -C $line | string replace -r '\\t.*' ''
      echo ==
    end`;
  return lists(await run('fish', ['--no-config', '-c', script, ...lines]));
};

// Zsh completes on a terminal only, so it starts another one on a terminal of its own. What that adds to its list goes to a
// file; the other functions of completion use compadd too, with options, to look something up.
const zsh: Shell = async (lines) => {
  const setUp = `PROMPT=
    bindkey -e
    autoload -Uz compinit
    compinit -u -D
    source completion.zsh
    compadd() {
      if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
      local -a hits
      builtin compadd -A hits "$@"
      (( $#hits )) && print -rl -- $hits >> hits
      builtin compadd "$@"
    }
    completed() { comppostfuncs=(completed); print -r -- '==' >> hits; print completed-this }
    comppostfuncs=(completed)`;
  const script = `zmodload zsh/zpty
    : > hits
    zpty z zsh -f -i
    zpty -w z "source ./set-up.zsh; print now-''ready"
    zpty -r z all '*now-ready*'
    for line in "$@"; do
      zpty -n -w z $'\\x15'"$line"$'\\t'
      zpty -r z all '*completed-this*'
    done
    cat hits`;
  writeFileSync(join(home, 'set-up.zsh'), setUp);
  return lists(await run('zsh', ['-f', '-c', script, 'zsh', ...lines]));
};

const shells = { bash, zsh, fish };
describe.each(Object.keys(shells) as (keyof typeof shells)[])('%s', (name) => {
  const present = isInstalled(name, spawnSync(name, ['--version']).status === 0);

  it.runIf(present)('completes commands, options, values, engines and the names of locks', async () => {
    const complete = shells[name];
    const all = await complete([
      'lockutils ',
      'lockutils h',
      'lockutils run --no',
      'lockutils run --if-killed ',
      'lockutils run --lease r',
      'lockutils history --for 1m ba',
      'lockutils history --prefix nova ',
      'lockutils run --quiet b',
      'lockutils completion z',
    ]);
    const [commands, begun, ...rest] = all.map((list) => [...new Set(list)].sort());
    expect(commands).toEqual(['clean', 'completion', 'help', 'history', 'lead', 'ls', 'run']);
    expect(begun).toEqual(['help', 'history']);
    const bare = rest.map((list) => list.map((word) => word.replaceAll('\\', '')));
    expect(bare).toEqual([
      ['--no-wait'],
      ['hold', 'kill', 'leave'],
      ['redis://', 'rediss://'],
      ['backup'],
      ['shared'],
      ['backup', 'big job'],
      ['zsh'],
    ]);
  });

  it.runIf(present)(
    'completes files and folders where the option takes one, and the command that run runs',
    async () => {
      const complete = shells[name];
      const [folders, files, program, words] = await complete([
        'lockutils ls --lock-path a',
        'lockutils ls --config-file a',
        'lockutils run backup -- lockuti',
        'lockutils run backup cat a',
      ]);
      const bare = (list: readonly string[] | undefined) =>
        [...new Set(list?.map((word) => word.replaceAll('\\', '').replace(/\/$/, '')))].sort();
      expect(bare(folders)).toEqual(['a folder']);
      expect(bare(files)).toEqual(['a file.conf', 'a folder']);
      expect(bare(program)).toContain('lockutils');
      expect(bare(words)).toEqual(['a file.conf', 'a folder']);
    },
  );
});

it('bash keeps what it does not replace: the answer begins after the last ":" or "="', async () => {
  expect(
    await bash(['lockutils run --lease=re', 'lockutils run --lease redis:', 'lockutils ls --lock-path=lo']),
  ).toEqual([['redis://', 'rediss://'], ['//'], ['locks']]);
});

it('lockutils completion refuses an unknown shell, and its answers to a shell are silent without a lock path', async () => {
  expect(await lockutils(['completion', 'tcsh'])).toMatchObject({
    status: 64,
    stderr: expect.stringContaining('bash, zsh, fish'),
  });
  const answer = await lockutils(['__complete', 'run', ''], { OSLO_LOCK_PATH: '/nowhere' });
  expect(answer).toMatchObject({ status: 0, stdout: 'words\n', stderr: '' });
});
