export {
  EtcdAuthError,
  EtcdBusyError,
  EtcdClosedError,
  EtcdClusterMismatchError,
  EtcdEndpointError,
  EtcdNoLeaderError,
  EtcdRequestError,
  EtcdTimeoutError,
  EtcdTlsError,
  EtcdTooOldError,
  EtcdUnavailableError,
  EtcdUnreachableError,
  FencedOutError,
  FencedWriteUnknownError,
  NotEtcdError,
} from './etcd-errors.js';
export { type EtcdLeaseDriver, etcdLeaseDriver } from './etcd-lease-driver.js';
export { type EtcdOptions, parseEtcdUrl } from './etcd-options.js';
export type { EtcdTls } from './gateway/transport.js';
export type { EtcdGrant } from './queue/etcd-grant.js';
export { type FencedResult, type FencedStep, withFence } from './with-fence.js';
