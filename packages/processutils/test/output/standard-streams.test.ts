import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  type ExecuteOptions,
  execute,
  type InputSource,
  type OutputTarget,
  type ProcessExecutionError,
  type SshClient,
  sshExecute,
  trycmd,
} from '@oslo-concurrency/processutils';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { endLeftovers, fixture, processesWith, uniqueSleep, until } from '../support/processes.js';
import { rejection } from '../support/rejection.js';

const program = fixture('talks-to-user.mjs');
// Of bsdutils, which no Debian is without: gives a program a terminal.
const script = '/usr/bin/script';

let token = '';
endLeftovers();

/** A terminal in which `command` runs, and what it shows. */
class Terminal {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<unknown>;
  shown = '';

  constructor(command: string) {
    // Some shells run the program in a child of their own (dash), and would die of Ctrl-\\ first: the program takes their place.
    this.process = spawn(script, ['-qec', `exec ${command}`, '/dev/null']);
    this.process.stdout.on('data', (chunk: Buffer) => {
      this.shown += chunk;
    });
    // Not at its exit: what it showed last may still be in the pipe then.
    this.ended = once(this.process, 'close');
  }

  type(text: string): void {
    this.process.stdin.write(text);
  }

  async shows(pattern: RegExp): Promise<void> {
    await until(() => pattern.test(this.shown));
  }
}

const talk = (text: string, ...more: string[]): string => [process.execPath, program, `'${text}'`, ...more].join(' ');

describe("stdin: 'inherit'", () => {
  it('has the command read what this process would read', () => {
    const { stdout } = spawnSync(process.execPath, [program, 'read line; echo "got $line"'], { input: 'one\ntwo\n' });
    expect(String(stdout)).toBe('got one\ncommand: ended 0, listeners: 0.\n');
  });

  it('has the command read at the terminal, which is one for it too', async () => {
    const terminal = new Terminal(talk('test -t 0 && echo ready; read line; echo "got $line"'));
    await terminal.shows(/ready/);
    terminal.type('hello\n');
    await terminal.ended;
    expect(terminal.shown).toMatch(/got hello\r\ncommand: ended 0, listeners: 0\./);
  });

  it('leaves Ctrl-C and Ctrl-\\ to the command, and this process says what became of it', async () => {
    const handles = new Terminal(talk('trap "trap - INT; echo again" INT; echo ready; read line; read line'));
    await handles.shows(/ready/);
    handles.type('\x03');
    await handles.shows(/again/);
    handles.type('\x03');
    await handles.ended;
    expect(handles.shown).toContain('command: ProcessExecutionError -2, listeners: 0.');
    const quits = new Terminal(talk('ulimit -c 0; echo ready; read line'));
    await quits.shows(/ready/);
    quits.type('\x1c');
    await quits.ended;
    expect(quits.shown).toContain('command: ProcessExecutionError -3, listeners: 0.');
  });

  it('does not keep Ctrl-C from ending this process when the input is no terminal', async () => {
    token = uniqueSleep();
    const terminal = new Terminal(`${talk(`trap "" INT; echo ready; sleep ${token}`)} </dev/null`);
    await terminal.shows(/ready/);
    terminal.type('\x03');
    await terminal.ended;
    expect(terminal.shown).not.toContain('command:');
  });

  it('is stopped by Ctrl-Z and goes on by fg, both processes as one job of the shell', async () => {
    const terminal = new Terminal('bash --norc --noprofile -i');
    terminal.type(`${talk('echo rea""dy; read line; echo "got $line"', '60000')}\n`);
    await terminal.shows(/ready/);
    terminal.type('\x1a');
    await terminal.shows(/Stopped/);
    terminal.type('fg\n');
    terminal.type('hello\n');
    await terminal.shows(/got hello[\s\S]*command: ended 0/);
    terminal.type('exit\n');
    await terminal.ended;
  });

  it('G23 ends the command and its descendants at the timeout, at a terminal too', async () => {
    token = uniqueSleep();
    const terminal = new Terminal(talk(`trap "" INT TERM; setsid sleep ${token} & read line`, '300'));
    await terminal.ended;
    expect(terminal.shown).toContain('command: ProcessTimeoutError undefined, listeners: 0.');
    await until(() => processesWith(`sleep\0${token}`).length === 0);
  });

  it('has nothing to read by default', async () => {
    const { stdout } = spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { execute } from '@oslo-concurrency/processutils';
         const results = await Promise.all([execute('cat'), execute('cat', [], { stdin: 'ignore' })]);
         console.log(JSON.stringify(results.map(({ stdout }) => stdout)));`,
      ],
      { input: 'typed', cwd: fixture('.') },
    );
    expect(JSON.parse(String(stdout))).toEqual(['', '']);
  });
});

/** What a program prints itself, of which its commands' output is a part, and what it says of their results. */
function printed(target: string, more = ''): { stdout: string; stderr: string; results: unknown } {
  const text = `
    import { execute, trycmd } from '@oslo-concurrency/processutils';
    const call = ['sh', ['-c', 'echo out; echo err >&2'], { stdout: '${target}', stderr: '${target}' ${more} }];
    const results = [];
    for (const run of [execute, trycmd]) results.push(await run(...call));
    console.log(JSON.stringify(results.map(({ stdout, stderr }) => [stdout, stderr])));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', text], { cwd: fixture('.') });
  const lines = String(stdout).trimEnd().split('\n');
  return { results: JSON.parse(lines.pop() ?? ''), stdout: lines.join('|'), stderr: String(stderr) };
}

describe('stdout and stderr', () => {
  it("'ignore' go nowhere", () => {
    const empty = ['', ''];
    expect(printed('ignore')).toEqual({ stdout: '', stderr: '', results: [empty, empty] });
  });

  it("'tee' come back whole and are printed at once", () => {
    const both = ['out\n', 'err\n'];
    expect(printed('tee')).toEqual({ stdout: 'out|out', stderr: 'err\nerr\n', results: [both, both] });
  });

  it("'tee' are printed while the command runs, and are kept in full, which a stream is not", async () => {
    const text = `
      import { execute } from '@oslo-concurrency/processutils';
      const { stdout } = await execute('sh', ['-c', 'echo begun; read line </dev/tty; head -c 2000000 /dev/zero'], { stdout: 'tee' });
      console.log('kept ' + stdout.length);`;
    const terminal = new Terminal(`${process.execPath} --input-type=module -e "${text.replaceAll('\n', ' ')}"`);
    await terminal.shows(/begun/);
    terminal.type('\n');
    await terminal.ended;
    expect(terminal.shown).toContain('kept 2000006');
  });

  it("'tee' keep as much as maxBuffer says", () => {
    const { results, stdout } = printed('tee', ', maxBuffer: 2');
    expect(stdout).toBe('out|out');
    expect(results).toMatchObject([
      [expect.stringContaining('2 bytes left out'), expect.anything()],
      expect.anything(),
    ]);
  });

  it("G24 'tee' bring no secret into the error of a command that failed", async () => {
    const error = await rejection(
      execute('sh', ['-c', 'echo s3cr3t >&2; exit 1'], { stderr: 'tee', secrets: ['s3cr3t'] }),
    );
    expect(error).toMatchObject({ stderr: '***\n', exitCode: 1 });
    expect((error as ProcessExecutionError).message).not.toContain('s3cr3t');
  });

  it("'tee' end the command when no process reads what this one prints", async () => {
    token = uniqueSleep();
    const text = `
      import { execute } from '@oslo-concurrency/processutils';
      const error = await execute('sh', ['-c', 'while :; do echo x; done; sleep ${token}'], { stdout: 'tee' }).catch((e) => e);
      console.error(error.code);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', text], { cwd: fixture('.') });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    await once(child, 'close');
    expect(stderr).toBe('EPIPE\n');
    await until(() => processesWith(token).length === 0);
  });
});

describe('a wrong standard stream', () => {
  it.each([
    ['stdin', { stdin: 'pipe' }],
    ['stdin', { stdin: 0 }],
    ['stdin', { stdin: 'inherit', processInput: 'text' }],
    ['stdout', { stdout: 'null' }],
    ['stderr', { stderr: ['inherit', 'pipe'] }],
    ['onStdoutLine', { stdout: 'ignore', onStdoutLine: () => {} }],
    ['onStderrLine', { stderr: 'ignore', onStderrLine: () => {} }],
  ])('is refused as %s before anything is started: %j', async (option, wrong) => {
    let started = 0;
    const options = { ...wrong, onExecute: () => (started += 1) } as never;
    for (const run of [execute('true', [], options), trycmd('true', [], options)]) {
      expect(await rejection(run)).toMatchObject({ code: 'ERR_INVALID_OPTION', option });
    }
    expect(started).toBe(0);
  });

  it('is any over SSH, and the error says so', async () => {
    const client: SshClient = { exec: () => expect.fail('nothing is sent') };
    for (const option of ['stdin', 'stdout', 'stderr']) {
      const error = await rejection(sshExecute(client, 'true', { [option]: 'inherit' } as never));
      expect(error).toMatchObject({ option, expected: expect.stringMatching(/^left out: .*over SSH/) });
    }
  });

  it('does not compile', () => {
    expectTypeOf<InputSource>().toEqualTypeOf<'ignore' | 'inherit'>();
    expectTypeOf<'pipe' | 'inherit' | 'tee' | 'ignore'>().toExtend<OutputTarget>();
    expectTypeOf<'null'>().not.toExtend<OutputTarget>();
    // @ts-expect-error text for stdin is processInput
    const wrong: ExecuteOptions = { stdin: 'some text' };
    void wrong;
  });
});
