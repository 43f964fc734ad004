export { isConcurrencyError, type Logger, setLogger } from '@oslo-concurrency/core';
export type { CommandArgument, ExecuteOptions, OutputTarget, ProcessInput, RunningCommand } from './command/command.js';
export type { InputSource } from './command/command-stdin.js';
export type { ExtraDescriptor } from './command/extra-descriptors.js';
export { InvalidArgumentError, NoRootWrapSpecifiedError, UnknownArgumentError } from './errors/argument-errors.js';
export {
  type EndedCommandFacts,
  LineTooLongError,
  type LineTooLongErrorFacts,
  ProcessAbortedError,
  ProcessTimeoutError,
} from './errors/ended-command-errors.js';
export { type Output, ProcessExecutionError, type ProcessExecutionErrorFacts } from './errors/execution-error.js';
export { type ExecuteResult, execute, type InterleavedResult } from './execute.js';
export { type ExecuteLinesOptions, executeLines } from './execute-lines.js';
export type { CgroupQuota } from './limits/cgroup-quota.js';
export { type LimitName, ProcessLimitsUnavailableError, type ProcessLimitValues } from './limits/resource-limits.js';
export { LogErrors } from './log-policy.js';
export { maskPassword } from './mask-password.js';
export { executePipeline, PipelineError, type PipelineResult, type StageOutcome } from './pipeline.js';
export { ProcessLimits } from './process-limits.js';
export type { PipelineCommand, PipelineCommandOptions, PipelineOptions } from './run/check-pipeline.js';
export { isSecretArgument, type SecretArgument, secret } from './secrets.js';
export type { SshExecuteOptions } from './ssh/check-ssh-command.js';
export type { SshChannel, SshClient } from './ssh/ssh-client.js';
export { type SshExecuteResult, SshOutcomeUnknownError, sshExecute } from './ssh-execute.js';
export type { SurvivingProcess } from './terminate/command-tree.js';
export { type TrycmdOptions, type TrycmdResult, trycmd } from './trycmd.js';
export { getWorkerCount, type WorkerCountExplanation } from './worker-count.js';
