import { ConcurrencyError, InvalidOptionError, unknownOptionText } from '@oslo-concurrency/core';

/** An argument has a wrong type or value. Thrown before anything is started; never shows what may be a secret. */
export class InvalidArgumentError extends InvalidOptionError {
  override readonly name: string = 'InvalidArgumentError';
  constructor(option: string, expected: string, received: unknown) {
    super(option, expected, received);
  }
}

/** An option does not exist; the message lists those that do. Thrown before anything is started. */
export class UnknownArgumentError extends InvalidOptionError {
  override readonly name: string = 'UnknownArgumentError';
  constructor(name: string, known: readonly string[]) {
    super('option', `one of ${known.join(', ')}`, name, unknownOptionText(name, known));
  }
}

/** A command was to run as root, this process is not root, and no `rootHelper` was given. */
export class NoRootWrapSpecifiedError extends ConcurrencyError {
  override readonly name: string = 'NoRootWrapSpecifiedError';
  readonly code = 'ERR_NO_ROOT_WRAP_SPECIFIED';

  constructor() {
    super("Command requested root, but did not specify a root helper. Give one: rootHelper: 'sudo'.");
  }
}
