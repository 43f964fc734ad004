export { type Clock, systemClock } from './clock.js';
export {
  type ConfigDefaults,
  type ConfigInput,
  type ConfigOverride,
  type ConfigValues,
  configure,
  getLockPath,
  getOption,
  setDefaults,
} from './config/config.js';
export { ConfigFileError, configFilesIn, loadConfigFile } from './config/config-file.js';
export {
  listOpts,
  type OptionDefinition,
  type OptionDescription,
  registerOption,
} from './config/option-definitions.js';
export { ConcurrencyError, InvalidOptionError, isConcurrencyError } from './errors.js';
export { checkDescriptors, loadPackage } from './load-package.js';
export { checkLogger, checkLogLevel, getLogger, hasLogger, type Logger, type LogLevel, setLogger } from './logger.js';
export { nodeCrypto } from './node-crypto.js';
export { checkOptionNames, nearestName, unknownOption, unknownOptionText } from './option-names.js';
export { processState } from './process-state.js';
export { realTime } from './real-time.js';
export { type CommandEvent, commandChannels, type LockEvent, lockChannels } from './tracing.js';
export { type WatchOptions, watch } from './watchdog.js';
