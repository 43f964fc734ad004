export type { CommandArgument, ExecuteOptions, ProcessInput } from './command.js';
export {
  InvalidArgumentError,
  NoRootWrapSpecifiedError,
  type Output,
  ProcessAbortedError,
  ProcessExecutionError,
  type ProcessExecutionErrorFacts,
  ProcessLimitsUnavailableError,
  ProcessTimeoutError,
  UnknownArgumentError,
} from './errors.js';
export { type ExecuteResult, execute } from './execute.js';
export { maskPassword } from './mask-password.js';
export { type SecretArgument, secret } from './secrets.js';
export type { SurvivingProcess } from './terminate-tree.js';
