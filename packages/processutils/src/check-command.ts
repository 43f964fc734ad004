import { Readable } from 'node:stream';
import { checkLogLevel } from '@oslo-concurrency/core';
import type { Command, ExecuteOptions } from './command.js';
import { InvalidArgumentError, UnknownArgumentError } from './errors.js';
import { masker, revealed, SecretArgument } from './secrets.js';

type OptionName = keyof ExecuteOptions;

const optionNames = [
  'cwd',
  'processInput',
  'env',
  'extendEnv',
  'checkExitCode',
  'binary',
  'logLevel',
  'secrets',
] as const satisfies readonly OptionName[];

/** Turns what the user gave into a {@link Command}, or throws before anything is started. */
export function checkCommand(file: unknown, args: unknown, options: unknown): Command {
  const given = checkOptions(options);
  const words = [checkWord('file', file), ...checkArguments(args)];
  const secrets = [...checkSecrets(given.secrets), ...words.flatMap((word) => (word.secret ? [word.text] : []))];
  const mask = masker(secrets);
  const logLevel = given.logLevel ?? 'debug';
  checkLogLevel('logLevel', logLevel);
  return {
    file: words[0]?.text ?? '',
    args: words.slice(1).map(({ text }) => text),
    shown: mask(words.map(({ text, secret }) => (secret ? '***' : text)).join(' ')),
    mask,
    cwd: given.cwd === undefined ? undefined : checkPath('cwd', given.cwd),
    env: checkEnvironment(given.env, checkFlag('extendEnv', given.extendEnv)),
    processInput: checkInput(given.processInput),
    accepts: checkExitCodes(given.checkExitCode),
    binary: checkFlag('binary', given.binary),
    logLevel,
  };
}

function checkOptions(options: unknown): ExecuteOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidArgumentError('options', 'an object', hidden(options));
  }
  for (const name of Object.keys(options)) {
    if (!(optionNames as readonly string[]).includes(name)) throw new UnknownArgumentError(name, optionNames);
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
  const secret = word instanceof SecretArgument;
  const text = secret ? revealed(word) : typeof word === 'number' && name !== 'file' ? String(word) : word;
  if (typeof text !== 'string' || text.includes('\0') || (name === 'file' && text === '')) {
    const expected = name === 'file' ? 'the name or path of a program' : 'a string, a number or a secret()';
    throw new InvalidArgumentError(name, `${expected}, without NUL`, hidden(word));
  }
  return { text, secret };
}

function checkSecrets(secrets: unknown): readonly string[] {
  if (secrets === undefined) return [];
  if (!Array.isArray(secrets) || secrets.some((value) => typeof value !== 'string')) {
    throw new InvalidArgumentError('secrets', 'an array of strings', hidden(secrets));
  }
  return secrets as string[];
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

function checkInput(input: unknown): Command['processInput'] {
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
