import { InvalidArgumentError } from './errors/argument-errors.js';
import { limitNames, type ProcessLimitValues } from './limits/resource-limits.js';

/**
 * Resource limits for `execute`'s option `prlimit`; oslo's counterpart of the same name.
 *
 * @throws InvalidArgumentError for an unknown limit, or one that is no whole number from 0.
 * @example
 * await execute('qemu-img', ['info', image], { prlimit: new ProcessLimits({ addressSpace: 2 ** 30, cpuTime: 30 }) });
 */
export class ProcessLimits implements ProcessLimitValues {
  readonly addressSpace: number | undefined;
  readonly coreFileSize: number | undefined;
  readonly cpuTime: number | undefined;
  readonly dataSize: number | undefined;
  readonly fileSize: number | undefined;
  readonly memoryLocked: number | undefined;
  readonly numberFiles: number | undefined;
  readonly numberProcesses: number | undefined;
  readonly residentSetSize: number | undefined;
  readonly stackSize: number | undefined;

  constructor(values: ProcessLimitValues = {}) {
    for (const [name, value] of Object.entries(values)) {
      if (!limitNames.some((known) => known === name)) {
        throw new InvalidArgumentError('prlimit', `limits of ${limitNames.join(', ')}`, name);
      }
      if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
        throw new InvalidArgumentError(`prlimit.${name}`, 'a whole number from 0', value);
      }
    }
    this.addressSpace = values.addressSpace;
    this.coreFileSize = values.coreFileSize;
    this.cpuTime = values.cpuTime;
    this.dataSize = values.dataSize;
    this.fileSize = values.fileSize;
    this.memoryLocked = values.memoryLocked;
    this.numberFiles = values.numberFiles;
    this.numberProcesses = values.numberProcesses;
    this.residentSetSize = values.residentSetSize;
    this.stackSize = values.stackSize;
  }
}

/** The limits from the option `prlimit`. */
export function checkLimits(value: unknown): ProcessLimits | undefined {
  if (value === undefined || value instanceof ProcessLimits) return value;
  if (typeof value !== 'object' || value === null) {
    throw new InvalidArgumentError('prlimit', 'a ProcessLimits object', value);
  }
  return new ProcessLimits(value);
}
