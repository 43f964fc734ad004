import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { realTime } from '@oslo-concurrency/core';
import type { Command, RunningCommand } from '../command/command.js';
import { hasTerminal, leaveInterruptsTo } from '../command/command-stdin.js';
import { ExtraStreams } from '../command/extra-descriptors.js';
import { feedInput, isWhole } from '../command/feed-input.js';
import { signalThrough } from '../command/root-helper.js';
import { LineTooLongError } from '../errors/ended-command-errors.js';
import { captureOutput } from '../output/capture-output.js';
import { LineOrder } from '../output/line-order.js';
import type { OutputCapture } from '../output/output-capture.js';
import { drainOutput, OutputReader } from '../output/output-reader.js';
import { withSpareDescriptor } from '../system/spare-descriptors.js';
import { type CommandMark, createMark } from '../terminate/command-mark.js';
import type { CommandTree, Ending } from '../terminate/command-tree.js';
import { findProcess } from '../terminate/process-table.js';
import { terminateTree } from '../terminate/terminate-tree.js';
import { CallbackResults } from './callback-results.js';
import { EndWitness, unnamedSignal } from './end-witness.js';
import type { Exit, Outcome, RunObserver } from './outcome.js';
import { forgetTree, updateTree, watchTree } from './parent-exit-watch.js';
import { frontFailure } from './start/front-failure.js';
import { stoppedBeforeStart, unwatched } from './start/never-started.js';
import { planSpawn } from './start/spawn-plan.js';
import { startProcess } from './start/start-process.js';
import { StopRequest } from './stop-request.js';

// What is left of G23's 200 ms when the killing has had its share.
const settlingTime = 40;

/**
 * Runs a command once. Resolves when the process has ended and its output is read; rejects only when it could not be
 * started. When it is to be stopped, its whole tree is ended first.
 */
export async function runCommand(command: Command, attempt: number, observer: RunObserver): Promise<Outcome> {
  const mark = mayBeEnded(command) ? createMark() : undefined;
  const plan = planSpawn(command, mark);
  // Its own group makes killing it one step. At a terminal it has to stay in ours, or Ctrl-C would not reach it.
  // On Windows there are no groups, and a detached process opens a console for each program that it starts.
  const ownGroup = mark !== undefined && process.platform !== 'win32' && !hasTerminal();
  const { killSignal } = command;
  const helper = command.rootHelper === undefined ? {} : { helper: command.rootHelper.words };
  const watched =
    mark !== undefined && command.killOnParentExit ? { ownGroup, mark: mark.id, killSignal, ...helper } : undefined;
  const start = realTime.now();
  const stop = new StopRequest(command.timeout, command.signal);
  const takeInterrupts = leaveInterruptsTo(command.stdin);
  let release = (): void => {};
  try {
    const ready = watched === undefined || (await Promise.race([watchTree(watched), stop.requested]));
    if (ready === false) throw unwatched(command);
    // A watcher may take seconds to come up. What was to end meanwhile does not begin.
    if (ready !== true) throw stoppedBeforeStart(command, ready, realTime.now() - start);
    const before = realTime.date();
    const { child, pid, ...held } = await startProcess(command, plan, ownGroup, mark === undefined ? 0 : 1);
    release = held.release;
    const span = { start: before, startedBy: realTime.date() };
    if (watched !== undefined) updateTree({ ...watched, ...rootOf(pid, span) });
    const witness = new EndWitness(child, plan.inFront);
    const started = { child, pid, start, stop, mark, ownGroup, witness, span };
    const outcome = await followCommand(command, attempt, observer, started);
    const { exitCode = 0, stopped } = outcome;
    const failure = stopped === undefined ? frontFailure(command, plan.front, exitCode, witness) : undefined;
    if (failure !== undefined) throw failure;
    return outcome;
  } finally {
    stop.dispose();
    takeInterrupts();
    release();
    if (watched !== undefined) forgetTree(watched);
  }
}

interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly start: number;
  readonly stop: StopRequest;
  readonly mark: CommandMark | undefined;
  readonly ownGroup: boolean;
  readonly witness: EndWitness;
  /** Between which moments it was started, in ms since 1970. */
  readonly span: { readonly start: number; readonly startedBy: number };
}

async function followCommand(
  command: Command,
  attempt: number,
  observer: RunObserver,
  { child, pid, start, stop, mark, ownGroup, witness, span }: Started,
): Promise<Outcome> {
  const exited = exitOf(child, witness);
  const fail = (error: unknown): void => stop.request({ why: 'failure', error });
  const callbacks = new CallbackResults(fail);
  const order = command.all ? new LineOrder() : undefined;
  const reader = (name: 'stdout' | 'stderr') => readOutput(child, name, command, callbacks, order, fail);
  const [stdout, stderr] = [reader('stdout'), reader('stderr')];
  const { extraDescriptors, extraLimit: limit, binary } = command;
  const extra = new ExtraStreams(child, extraDescriptors, { limit, binary }, fail);
  const readers = [stdout, stderr, ...extra.readers];
  const running: RunningCommand = {
    pid,
    command: command.shown,
    attempt,
    kill: (signal = command.killSignal) => child.exitCode === null && child.signalCode === null && child.kill(signal),
  };
  callbacks.call(() => observer.started(running));
  const stopFeeding = feedInput(child.stdin, command, fail);
  const first = await Promise.race([exited, stop.requested]);
  let ending: Ending | undefined;
  let exit: Exit;
  if ('why' in first) {
    const tree = { ownGroup, mark: mark?.id, killSignal: command.killSignal, ...rootOf(pid, span) };
    const asRoot = command.rootHelper === undefined ? undefined : signalThrough(command.rootHelper);
    ending = await terminateTree(tree, command.killGrace, asRoot);
    const never = { exitCode: undefined, signal: undefined };
    exit = await Promise.race([exited, realTime.pause(settlingTime).then(() => never)]);
    await drainOutput(readers, 0, false);
  } else {
    exit = first;
    const enough = stop.requested.then(() => 'enough' as const);
    await Promise.race([enough, drainOutput(readers, command.drainTimeout, true)]);
    // It has ended by itself: a timeout or an abort only cuts short the waiting for its output.
    await drainOutput(readers, 0, false);
  }
  stopFeeding();
  extra.close();
  for (const reader of readers) reader.close();
  child.unref();
  const durationMs = realTime.now() - start;
  const cut = exit !== first || readers.some(({ held }) => held) ? stop.reason?.why : undefined;
  callbacks.call(() => observer.ended(running, exit, durationMs, cut));
  await Promise.race([stop.requested, callbacks.settled()]);
  const outputTaken = callbacks.pending === 0 && !readers.some(({ held }) => held);
  const overdue = exit === first && stop.reason?.why !== 'failure' && outputTaken;
  const reason = overdue ? undefined : stop.reason;
  return {
    pid,
    ...exit,
    stdout: stdout.capture,
    stderr: stderr.capture,
    order,
    extra,
    durationMs,
    stopped: reason && { reason, endedBy: ending?.endedBy, remaining: ending?.remaining ?? [] },
  };
}

/** Whether there can be a reason to end it; if not, it costs nothing to be able to, and its daemons are safe from us. */
function mayBeEnded({ timeout, signal, killOnParentExit, onExecute, stdout, stderr, processInput }: Command): boolean {
  const consumed = [stdout, stderr].some(
    ({ onLine, target }) => onLine !== undefined || target === 'tee' || typeof target === 'object',
  );
  const awaited = timeout !== Number.POSITIVE_INFINITY || signal !== undefined || killOnParentExit;
  return awaited || consumed || onExecute !== undefined || !isWhole(processInput);
}

function exitOf(child: ChildProcess, witness: EndWitness): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      const unnamed = code === 0 ? unnamedSignal(witness.signal) : undefined;
      if (unnamed !== undefined) return resolve({ exitCode: -(witness.signal ?? 0), signal: unnamed });
      resolve({ exitCode: code ?? -(signal === null ? 0 : constants.signals[signal]), signal: signal ?? undefined });
    });
  });
}

function rootOf(pid: number, span: Started['span']): Pick<CommandTree, 'root'> {
  if (process.platform === 'win32') return { root: { pid, ...span } };
  // Not waited for yet, or its exit would have been seen: the pid is still its own.
  return { root: { pid, start: withSpareDescriptor(() => findProcess(pid))?.start ?? 0 } };
}

function readOutput(
  child: ChildProcess,
  name: 'stdout' | 'stderr',
  { [name]: { target, onLine, limit }, binary, lineLimit, shown }: Command,
  callbacks: CallbackResults,
  order: LineOrder | undefined,
  fail: (error: unknown) => void,
): OutputReader {
  const writable = target === 'tee' ? process[name] : typeof target === 'string' ? undefined : target;
  const consumers = {
    lines: onLine && {
      onLine: callbacks.lines(onLine),
      limit: lineLimit,
      tooLong: (most: number) => new LineTooLongError({ cmd: shown, stream: name, limit: most }),
    },
    writable,
    onPiece:
      order && ((piece: Buffer, { leftOut }: OutputCapture) => order.add(name === 'stdout' ? 0 : 1, piece, leftOut)),
  };
  return new OutputReader(child[name], captureOutput(limit, binary), consumers, fail);
}
