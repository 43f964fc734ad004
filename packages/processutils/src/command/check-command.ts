import { InvalidArgumentError } from '../errors/argument-errors.js';
import { checkLogErrors, checkLogging } from '../log-policy.js';
import { type Masker, masker } from '../masking/masker.js';
import { checkLimits } from '../process-limits.js';
import { isWindowsShell, usualShell } from '../system/shell-choice.js';
import type { Command, ExecuteOptions } from './command.js';
import { checkEnvironment, withLocalPrograms } from './command-environment.js';
import { checkStdin } from './command-stdin.js';
import { checkWords, shownCommand } from './command-words.js';
import { checkExtraDescriptors } from './extra-descriptors.js';
import { checkInput } from './feed-input.js';
import { checkMasked, hidden } from './masked-misuse.js';
import {
  checkDelay,
  checkDuration,
  checkExitCodes,
  checkFlag,
  checkFunction,
  checkId,
  checkKillSignal,
  checkNames,
  checkNumber,
  checkPath,
  checkSignal,
  checkStrings,
  checkText,
  type OptionName,
} from './option-values.js';
import { isRead, outputPlan } from './output-plan.js';
import { neededRootHelper } from './root-helper.js';

// A record, not a list, so that the compiler reports one that is missing.
const optionNames: Readonly<Record<OptionName, true>> = {
  cwd: true,
  processInput: true,
  stdin: true,
  env: true,
  extendEnv: true,
  preferLocal: true,
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
  killSignal: true,
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
  maxLineLength: true,
  all: true,
  extraDescriptors: true,
  maxBuffer: true,
  drainTimeout: true,
  secrets: true,
};

/** The names of all options of `execute`. */
export const executeOptionNames: readonly string[] = Object.keys(optionNames);

/** Turns what the user gave into a {@link Command}, or throws before anything is started. */
export function checkCommand(file: unknown, args: unknown, options: unknown): Command {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidArgumentError('options', 'an object', hidden(options));
  }
  const secrets = checkStrings('secrets', (options as { secrets?: unknown }).secrets);
  const words = checkWords(file, args);
  const mask = masker([...secrets, ...words.flatMap((word) => (word.secret ? [word.text] : []))]);
  return checkMasked(mask, executeOptionNames, () => commandOf(words, options, mask));
}

function commandOf(words: ReturnType<typeof checkWords>, given: ExecuteOptions, mask: Masker): Command {
  checkNames(given, executeOptionNames);
  const forever = Number.POSITIVE_INFINITY;
  const isLength = (value: number): boolean => value >= 1 && (Number.isInteger(value) || value === forever);
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;
  const attempts = checkNumber('attempts', given.attempts ?? 1, 'a whole number from 1', isCount);
  const [program, ...args] = words;
  const rootHelper = neededRootHelper(
    checkFlag('runAsRoot', given.runAsRoot),
    checkText('rootHelper', given.rootHelper ?? ''),
  );
  const wrapper = checkStrings('wrapper', given.wrapper);
  if (wrapper[0] === '') throw new InvalidArgumentError('wrapper', 'a program and its arguments', hidden(wrapper));
  const front = [...wrapper, ...(rootHelper?.words ?? [])];
  const cwd = given.cwd === undefined ? undefined : checkPath('cwd', given.cwd);
  const env = checkEnvironment(given.env, checkFlag('extendEnv', given.extendEnv));
  return {
    file: program.text,
    args: args.map(({ text }) => text),
    shown: shownCommand([...front.map((text) => ({ text, secret: false })), ...words], front.length, mask),
    mask,
    cwd,
    env: checkFlag('preferLocal', given.preferLocal) ? withLocalPrograms(env, cwd) : env,
    processInput: checkInput(given.processInput, attempts),
    stdin: checkStdin(given.stdin, given.processInput),
    accepts: checkExitCodes(given.checkExitCode),
    attempts,
    retryDelay: checkDelay(given.delayOnRetry),
    rootHelper,
    shell: checkShell(given.shell, args.length),
    logLevel: checkLogging(given.logLevel),
    logErrors: checkLogErrors(given.logErrors),
    binary: checkFlag('binary', given.binary),
    onExecute: checkFunction('onExecute', given.onExecute),
    onCompletion: checkFunction('onCompletion', given.onCompletion),
    limits: checkLimits(given.prlimit),
    timeout: checkNumber('timeout', given.timeout ?? forever, 'milliseconds, more than 0', (ms) => ms > 0),
    killSignal: checkKillSignal(given.killSignal),
    killGrace: checkDuration('killGrace', given.killGrace ?? 5000),
    signal: checkSignal(given.signal),
    killOnParentExit: checkFlag('killOnParentExit', given.killOnParentExit),
    wrapper,
    uid: checkId('uid', given.uid),
    gid: checkId('gid', given.gid),
    stdout: outputPlan('stdout', given.stdout, 'onStdoutLine', given.onStdoutLine, given.maxBuffer),
    stderr: outputPlan('stderr', given.stderr, 'onStderrLine', given.onStderrLine, given.maxBuffer),
    all: checkAll(given),
    extraDescriptors: checkExtraDescriptors(given.extraDescriptors),
    extraLimit: given.maxBuffer ?? forever,
    lineLimit: checkNumber('maxLineLength', given.maxLineLength ?? forever, 'a whole number of bytes from 1', isLength),
    drainTimeout: checkDuration('drainTimeout', given.drainTimeout ?? 500),
  };
}

function checkAll({ all, stdout, stderr }: ExecuteOptions): boolean {
  const asked = checkFlag('all', all);
  if (!asked || (isRead(stdout) && isRead(stderr))) return asked;
  throw new InvalidArgumentError('all', "left out where stdout or stderr is 'inherit' or 'ignore': both are read", all);
}

function checkShell(value: unknown, words: number): string | undefined {
  if (value === undefined || value === false) return undefined;
  if (typeof value !== 'string' && value !== true) {
    throw new InvalidArgumentError('shell', 'a boolean or the path of a shell', value);
  }
  const shell = value === true ? usualShell() : checkPath('shell', value);
  if (words > 0 && isWindowsShell(shell)) {
    throw new InvalidArgumentError('shell', 'left out with arguments: cmd.exe gives a script none', value);
  }
  return shell;
}
