import { Readable, Writable } from 'node:stream';
import { checkLogLevel } from '@oslo-concurrency/core';
import { randomDelay } from './attempts.js';
import type { Command, ExecuteOptions, OutputPlan, OutputTarget } from './command.js';
import { InvalidArgumentError, UnknownArgumentError } from './errors.js';
import { LogErrors } from './log-policy.js';
import { ProcessLimits } from './process-limits.js';
import { neededRootHelper } from './root-helper.js';
import { isSecretArgument, masker, revealed } from './secrets.js';

type OptionName = keyof ExecuteOptions;

// A record, not a list, so that the compiler tells when one is missing.
const optionNames: Readonly<Record<OptionName, true>> = {
  cwd: true,
  processInput: true,
  env: true,
  extendEnv: true,
  checkExitCode: true,
  attempts: true,
  delayOnRetry: true,
  runAsRoot: true,
  rootHelper: true,
  shell: true,
  logLevel: true,
  logErrors: true,
  binary: true,
  onExecute: true,
  onCompletion: true,
  prlimit: true,
  timeout: true,
  killGrace: true,
  signal: true,
  killOnParentExit: true,
  wrapper: true,
  uid: true,
  gid: true,
  stdout: true,
  stderr: true,
  onStdoutLine: true,
  onStderrLine: true,
  maxBuffer: true,
  drainTimeout: true,
  secrets: true,
};

/** Turns what the user gave into a {@link Command}, or throws before anything is started. */
export function checkCommand(file: unknown, args: unknown, options: unknown): Command {
  const given = checkOptions(options);
  const words = [checkWord('file', file), ...checkArguments(args)];
  const secrets = checkStrings('secrets', given.secrets);
  const mask = masker([...secrets, ...words.flatMap((word) => (word.secret ? [word.text] : []))]);
  const logLevel = given.logLevel ?? 'debug';
  checkLogLevel('logLevel', logLevel);
  const attempts = checkNumber('attempts', given.attempts ?? 1, 'a whole number from 1', isCount);
  const processInput = checkInput(given.processInput, attempts);
  const shell = checkShell(given.shell);
  const rootHelper = neededRootHelper(
    checkFlag('runAsRoot', given.runAsRoot),
    checkText('rootHelper', given.rootHelper ?? ''),
  );
  const wrapper = checkStrings('wrapper', given.wrapper);
  const front = [...wrapper, ...(rootHelper?.words ?? [])];
  return {
    file: words[0]?.text ?? '',
    args: words.slice(1).map(({ text }) => text),
    shown: mask([...front, ...words.map(({ text, secret }) => (secret ? '***' : text))].join(' ')),
    mask,
    cwd: given.cwd === undefined ? undefined : checkPath('cwd', given.cwd),
    env: checkEnvironment(given.env, checkFlag('extendEnv', given.extendEnv)),
    processInput,
    accepts: checkExitCodes(given.checkExitCode),
    attempts,
    retryDelay: checkDelay(given.delayOnRetry),
    rootHelper,
    shell,
    logLevel,
    logErrors: checkLogErrors(given.logErrors),
    binary: checkFlag('binary', given.binary),
    onExecute: checkFunction('onExecute', given.onExecute),
    onCompletion: checkFunction('onCompletion', given.onCompletion),
    limits: checkLimits(given.prlimit),
    timeout: checkNumber('timeout', given.timeout ?? Number.POSITIVE_INFINITY, 'milliseconds, more than 0', isPositive),
    killGrace: checkNumber('killGrace', given.killGrace ?? 5000, 'milliseconds, 0 or more', isDuration),
    signal: checkSignal(given.signal),
    killOnParentExit: checkFlag('killOnParentExit', given.killOnParentExit),
    wrapper,
    uid: checkId('uid', given.uid),
    gid: checkId('gid', given.gid),
    stdout: outputPlan('stdout', given.stdout, 'onStdoutLine', given.onStdoutLine, given.maxBuffer),
    stderr: outputPlan('stderr', given.stderr, 'onStderrLine', given.onStderrLine, given.maxBuffer),
    drainTimeout: checkNumber('drainTimeout', given.drainTimeout ?? 500, 'milliseconds, 0 or more', isDuration),
  };
}

function checkOptions(options: unknown): ExecuteOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidArgumentError('options', 'an object', hidden(options));
  }
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(optionNames, name)) throw new UnknownArgumentError(name, Object.keys(optionNames));
  }
  return options;
}

interface Word {
  readonly text: string;
  readonly secret: boolean;
}

function checkArguments(args: unknown): Word[] {
  if (!Array.isArray(args)) throw new InvalidArgumentError('args', 'an array', hidden(args));
  return args.map((argument: unknown, index) => checkWord(`args[${index}]`, argument));
}

function checkWord(name: string, word: unknown): Word {
  const secret = isSecretArgument(word);
  const text = secret ? revealed(word) : typeof word === 'number' && name !== 'file' ? String(word) : word;
  if (typeof text !== 'string' || text.includes('\0') || (name === 'file' && text === '')) {
    const expected = name === 'file' ? 'the name or path of a program' : 'a string, a number or a secret()';
    throw new InvalidArgumentError(name, `${expected}, without NUL`, hidden(word));
  }
  return { text, secret };
}

function checkStrings(name: OptionName, values: unknown): readonly string[] {
  if (values === undefined) return [];
  if (!Array.isArray(values) || values.some((value) => typeof value !== 'string' || value.includes('\0'))) {
    throw new InvalidArgumentError(name, 'an array of strings without NUL', hidden(values));
  }
  return values as string[];
}

function checkText(name: OptionName, value: unknown): string {
  if (typeof value !== 'string' || value.includes('\0')) {
    throw new InvalidArgumentError(name, 'a string without NUL', hidden(value));
  }
  return value;
}

function checkPath(name: OptionName, value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) {
    throw new InvalidArgumentError(name, 'a path that is not empty and has no NUL', value);
  }
  return value;
}

function checkFlag(name: OptionName, value: unknown): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw new InvalidArgumentError(name, 'a boolean', value);
  return value ?? false;
}

function checkFunction<F extends (...args: never[]) => void>(name: OptionName, value: F | undefined): F | undefined {
  if (value !== undefined && typeof value !== 'function') throw new InvalidArgumentError(name, 'a function', value);
  return value;
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;
const isPositive = (value: number): boolean => value > 0;
const isDuration = (value: number): boolean => value >= 0 && value !== Number.POSITIVE_INFINITY;
const isSize = (value: number): boolean =>
  value >= 0 && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY);

function checkNumber(name: OptionName, value: unknown, expected: string, accepts: (value: number) => boolean): number {
  if (typeof value !== 'number' || !accepts(value)) throw new InvalidArgumentError(name, expected, value);
  return value;
}

function checkId(name: 'uid' | 'gid', value: unknown): number | undefined {
  if (value === undefined) return undefined;
  return checkNumber(name, value, 'a whole number from 0', (id) => Number.isInteger(id) && id >= 0 && id < 2 ** 32 - 1);
}

function checkShell(value: unknown): string | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return '/bin/sh';
  if (typeof value !== 'string') throw new InvalidArgumentError('shell', 'a boolean or the path of a shell', value);
  return checkPath('shell', value);
}

function checkDelay(value: unknown): () => number {
  if (value === undefined || value === true) return randomDelay;
  if (value === false) return () => 0;
  if (typeof value === 'function') return value as () => number;
  throw new InvalidArgumentError('delayOnRetry', 'a boolean or a function giving milliseconds', value);
}

function checkLogErrors(value: unknown): LogErrors {
  if (value === undefined) return LogErrors.DEFAULT;
  if ((Object.values(LogErrors) as unknown[]).includes(value)) return value as LogErrors;
  throw new InvalidArgumentError('logErrors', 'LogErrors.DEFAULT, LogErrors.ALL or LogErrors.FINAL', value);
}

function checkLimits(value: unknown): ProcessLimits | undefined {
  if (value === undefined || value instanceof ProcessLimits) return value;
  if (typeof value !== 'object' || value === null) {
    throw new InvalidArgumentError('prlimit', 'a ProcessLimits object', value);
  }
  return new ProcessLimits(value);
}

function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value;
  throw new InvalidArgumentError('signal', 'an AbortSignal', value);
}

// Of output that was handed on, an error needs the beginning and the end, not all.
const keptOfStreams = 1024 * 1024;

function outputPlan(
  name: 'stdout' | 'stderr',
  target: unknown = 'pipe',
  lineName: 'onStdoutLine' | 'onStderrLine',
  onLine: ((line: string) => void) | undefined,
  maxBuffer: unknown,
): OutputPlan {
  if (target !== 'pipe' && target !== 'inherit' && !(target instanceof Writable)) {
    throw new InvalidArgumentError(name, "'pipe', 'inherit' or a writable stream", hidden(target));
  }
  if (target instanceof Writable && !target.writable) {
    throw new InvalidArgumentError(name, 'a stream that can still be written to', hidden(target));
  }
  checkFunction(lineName, onLine);
  if (target === 'inherit' && onLine !== undefined) {
    throw new InvalidArgumentError(lineName, `left out when ${name} is 'inherit', which nobody here can read`, onLine);
  }
  const handedOn = onLine !== undefined || typeof target === 'object';
  const limit = maxBuffer ?? (handedOn ? keptOfStreams : Number.POSITIVE_INFINITY);
  checkNumber('maxBuffer', limit, 'a whole number of bytes from 0, or Infinity', isSize);
  return { target: target as OutputTarget, onLine, limit: limit as number };
}

function checkEnvironment(env: unknown, extend: boolean): Record<string, string> {
  if (env !== undefined && (typeof env !== 'object' || env === null || Array.isArray(env))) {
    throw new InvalidArgumentError('env', 'an object of strings', hidden(env));
  }
  const merged: Record<string, unknown> = { ...(env === undefined || extend ? process.env : {}), ...env };
  const checked: Record<string, string> = {};
  for (const [name, value] of Object.entries(merged)) {
    if (value === undefined) continue;
    if (typeof value !== 'string' || value.includes('\0') || name.includes('\0')) {
      throw new InvalidArgumentError(`env.${name}`, 'a string without NUL', hidden(value));
    }
    checked[name] = value;
  }
  return checked;
}

function checkInput(input: unknown, attempts: number): Command['processInput'] {
  if (input instanceof Readable && attempts > 1) {
    throw new InvalidArgumentError('processInput', 'text or bytes when there may be several attempts', hidden(input));
  }
  if (input === undefined || typeof input === 'string' || input instanceof Uint8Array || input instanceof Readable) {
    return input;
  }
  throw new InvalidArgumentError('processInput', 'a string, bytes or a readable stream', hidden(input));
}

function checkExitCodes(codes: unknown = 0): (exitCode: number) => boolean {
  if (typeof codes === 'boolean') return codes ? (exitCode) => exitCode === 0 : () => true;
  const list: readonly unknown[] = Array.isArray(codes) ? codes : [codes];
  if (list.some((code) => !Number.isInteger(code))) {
    throw new InvalidArgumentError('checkExitCode', 'a boolean, an integer or an array of integers', codes);
  }
  return (exitCode) => list.includes(exitCode);
}

/** Names the kind of a value that may hold a secret. */
function hidden(value: unknown): string {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
  return `[${kind}, not shown]`;
}
