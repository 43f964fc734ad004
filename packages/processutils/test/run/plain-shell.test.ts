import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type CommandEvent, commandChannels } from '@oslo-concurrency/core';
import { execute } from '@oslo-concurrency/processutils';
import { describe, expect, it } from 'vitest';
import { endLeftovers, fixture, processesWith, uniqueSleep, until } from '../support/processes.js';

// Of bsdutils, which no Debian is without: gives a program a terminal.
const script = '/usr/bin/script';

let token = '';
endLeftovers();

describe('a command finds what a plain shell would give it', () => {
  it('the soft limit on open files that Node has raised is put back', () => {
    const hard = Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }));
    const limited = `ulimit -Sn 512; "$0" "$1"; true`;
    const args = ['-c', limited, process.execPath, fixture('reports-soft-limit.mjs')];
    const { command, own } = JSON.parse(execFileSync('sh', args, { encoding: 'utf8' })) as Record<string, number[]>;
    expect(own).toEqual([hard, hard]);
    expect(command).toEqual([512, hard]);
  });

  it('Ctrl-C at a terminal reaches it, also when it could be ended by a timeout', async () => {
    token = uniqueSleep();
    const command = `${process.execPath} ${fixture('runs-at-terminal.mjs')} ${token}`;
    const terminal = spawn(script, ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let shown = '';
    terminal.stdout.on('data', (chunk: Buffer) => {
      shown += chunk;
      if (String(chunk).includes('ready')) terminal.stdin.write('\x03');
    });
    await once(terminal, 'close');
    expect(shown).toContain('ended by SIGINT');
    expect(processesWith(token)).toEqual([]);
  });

  it('G23 at a terminal, too, the tree is ended at the timeout', async () => {
    token = uniqueSleep();
    const program = `
      import { execute } from '@oslo-concurrency/processutils';
      const error = await execute('${fixture('double-forks.sh')}', ['${token}'], { timeout: 500, killGrace: 300 }).catch((e) => e);
      console.log(error.name + ' ' + error.remaining.length);`;
    const inner = `${process.execPath} --input-type=module -e "${program.replaceAll('\n', ' ')}"`;
    const { stdout } = await execute(script, ['-qec', inner, '/dev/null'], { cwd: fixture('.') });
    expect(stdout).toContain('ProcessTimeoutError 0');
    await until(() => processesWith(`sleep\0${token}`).length === 0);
  });
});

describe('the diagnostics channels', () => {
  it('say of the end why the command counts as failed, and of an attempt that could not be started why', async () => {
    const seen: [string, CommandEvent][] = [];
    const stops = Object.entries(commandChannels).map(([what, channel]) => {
      const listener = (event: unknown): void => void seen.push([what, event as CommandEvent]);
      channel.subscribe(listener);
      return () => channel.unsubscribe(listener);
    });
    const abort = new AbortController();
    const onExecute = (): void => abort.abort();
    const settings = { killSignal: 'SIGKILL' } as const;
    try {
      await execute('false').catch(() => {});
      await execute('sleep', ['60'], { ...settings, timeout: 100 }).catch(() => {});
      await execute('sleep', ['60'], { ...settings, signal: abort.signal, onExecute }).catch(() => {});
      const fail = (): void => {
        throw new Error('mine');
      };
      await execute('sleep', ['60'], { ...settings, onExecute: fail }).catch(() => {});
      await execute('exit 0', [], { shell: true });
      await execute('/nowhere/there is no such program').catch(() => {});
    } finally {
      for (const stop of stops) stop();
    }
    expect(seen.filter(([what]) => what === 'start')).toHaveLength(5);
    const ends = seen
      .filter(([what]) => what !== 'start')
      .map(([what, { program, failed }]) => [what, program, failed]);
    expect(ends).toEqual([
      ['end', 'false', 'exit'],
      ['end', 'sleep', 'timeout'],
      ['end', 'sleep', 'abort'],
      ['end', 'sleep', 'failure'],
      ['end', 'sh', undefined],
      ['fail', 'there is no such program', undefined],
    ]);
    expect(seen.at(-1)?.[1]).toMatchObject({ durationMs: expect.any(Number), detail: { cause: { code: 'ENOENT' } } });
  });

  it('tell of the start and the end of each attempt, with the masked command', async () => {
    const events: [string, CommandEvent][] = [];
    const onStart = (event: unknown): void => void events.push(['start', event as CommandEvent]);
    const onEnd = (event: unknown): void => void events.push(['end', event as CommandEvent]);
    commandChannels.start.subscribe(onStart);
    commandChannels.end.subscribe(onEnd);
    try {
      await execute('sh', ['-c', 'exit 4', '--token', 'x'], { checkExitCode: 4 });
      await execute('sh', ['-c', 'kill -9 $$'], { checkExitCode: false });
    } finally {
      commandChannels.start.unsubscribe(onStart);
      commandChannels.end.unsubscribe(onEnd);
    }
    const first = { command: 'sh -c exit 4 --token ***', program: 'sh', attempt: 1, id: events[0]?.[1].id };
    expect(events[0]).toEqual(['start', { ...first, pid: expect.any(Number) }]);
    const ended = { ...first, pid: events[0]?.[1].pid, durationMs: expect.any(Number) };
    expect(events[1]).toEqual(['end', { ...ended, exitCode: 4 }]);
    expect(events[3]?.[1]).toMatchObject({ signal: 'SIGKILL', id: (first.id ?? 0) + 1 });
    expect(events[3]?.[1]).not.toHaveProperty('exitCode');
  });
});
