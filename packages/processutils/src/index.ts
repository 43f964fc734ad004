export { isConcurrencyError, type Logger, setLogger } from '@oslo-concurrency/core';
export type { CommandArgument, ExecuteOptions, OutputTarget, ProcessInput, RunningCommand } from './command/command.js';
export type { InputSource } from './command/command-stdin.js';
export type { ExtraDescriptor } from './command/extra-descriptors.js';
export {
  type EndedCommandFacts,
  InvalidArgumentError,
  LineTooLongError,
  type LineTooLongErrorFacts,
  NoRootWrapSpecifiedError,
  type Output,
  ProcessAbortedError,
  ProcessExecutionError,
  type ProcessExecutionErrorFacts,
  ProcessTimeoutError,
  UnknownArgumentError,
} from './errors.js';
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
export type { SurvivingProcess } from './terminate/tree-hunt.js';
export { type TrycmdOptions, type TrycmdResult, trycmd } from './trycmd.js';
export { getWorkerCount, type WorkerCountExplanation } from './worker-count.js';
