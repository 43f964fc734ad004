import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import type { Command } from './command.js';
import { captureOutput, type OutputCapture } from './output-capture.js';
import { spawnFailure } from './spawn-failure.js';
import { encodeText } from './text-decoding.js';

/** How one run of a command ended. */
export interface Outcome {
  /** `-n` when signal n ended it. */
  readonly exitCode: number;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: OutputCapture;
  readonly stderr: OutputCapture;
  readonly durationMs: number;
}

/** Runs a command once; rejects only when it could not be started. */
export async function runCommand(command: Command): Promise<Outcome> {
  const { execa } = await import('execa');
  const start = performance.now();
  const child = execa(command.file, command.args, {
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    env: command.env,
    extendEnv: false,
    stdin: command.processInput === undefined ? 'ignore' : 'pipe',
    encoding: 'buffer',
    // Output, ending and errors are ours; execa would print commands, with their secrets, under NODE_DEBUG=execa.
    buffer: false,
    reject: false,
    cleanup: false,
    verbose: 'none',
  });
  if (child.pid === undefined) throw spawnFailure(command, (await child).cause);
  const ended = exitOf(child);
  const stdout = captureOutput(Number.POSITIVE_INFINITY, command.binary);
  const stderr = captureOutput(Number.POSITIVE_INFINITY, command.binary);
  const drained = Promise.all([collect(child.stdout, stdout), collect(child.stderr, stderr)]);
  feed(child, command.processInput);
  const { exitCode, signal } = await ended;
  await drained;
  return { exitCode, signal, stdout, stderr, durationMs: performance.now() - start };
}

function exitOf(child: ChildProcess): Promise<Pick<Outcome, 'exitCode' | 'signal'>> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ exitCode: code ?? -(signal === null ? 0 : constants.signals[signal]), signal: signal ?? undefined });
    });
  });
}

function collect(stream: Readable | null, capture: OutputCapture): Promise<void> {
  return new Promise((resolve) => {
    if (stream === null) return resolve();
    stream.on('data', (chunk: Buffer) => capture.add(chunk));
    stream.once('close', resolve);
    return undefined;
  });
}

function feed(child: ChildProcess, input: Command['processInput']): void {
  if (input === undefined || child.stdin === null) return;
  // A command need not read its input to the end; oslo ignores that too.
  child.stdin.on('error', () => {});
  if (typeof input === 'string') child.stdin.end(encodeText(input));
  else if (input instanceof Uint8Array) child.stdin.end(input);
  else input.pipe(child.stdin);
}
