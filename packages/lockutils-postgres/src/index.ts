export type { PostgresClient, PostgresPool, PostgresPoolClient } from './database/clients.js';
export {
  FencedOutError,
  PostgresAuthError,
  PostgresClosedError,
  PostgresConnectionsError,
  PostgresEndpointError,
  PostgresForeignTableError,
  PostgresPermissionError,
  PostgresPoolBusyError,
  PostgresReadOnlyError,
  PostgresRequestError,
  PostgresTableMissingError,
  PostgresTimeoutError,
  PostgresTlsError,
  PostgresUnreachableError,
} from './postgres-errors.js';
export { type PostgresLeaseDriver, postgresLeaseDriver } from './postgres-lease-driver.js';
export type { PostgresOptions, PostgresTls } from './postgres-options.js';
export { PostgresGrant } from './queue/postgres-grant.js';
export { withFence } from './with-fence.js';
