export type { CommandArgument, ExecuteOptions, OutputTarget, ProcessInput, RunningCommand } from './command.js';
export {
  type EndedCommandFacts,
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
export { LogErrors } from './log-policy.js';
export { maskPassword } from './mask-password.js';
export { type LimitName, ProcessLimits, type ProcessLimitValues } from './process-limits.js';
export { type SecretArgument, secret } from './secrets.js';
export type { SurvivingProcess } from './terminate-tree.js';
