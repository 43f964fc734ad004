import { InvalidArgumentError } from '../errors.js';

/** Which exit codes are a success, from the option `checkExitCode`. */
export function checkExitCodes(codes: unknown = 0): (exitCode: number) => boolean {
  if (typeof codes === 'boolean') return codes ? (exitCode) => exitCode === 0 : () => true;
  const list: readonly unknown[] = Array.isArray(codes) ? codes : [codes];
  if (list.some((code) => !Number.isInteger(code))) {
    throw new InvalidArgumentError('checkExitCode', 'a boolean, an integer or an array of integers', codes);
  }
  return (exitCode) => list.includes(exitCode);
}
