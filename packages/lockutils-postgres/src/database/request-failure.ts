import {
  PostgresAuthError,
  PostgresConnectionsError,
  type PostgresEndpointError,
  PostgresPermissionError,
  PostgresReadOnlyError,
  PostgresRequestError,
  PostgresTimeoutError,
  PostgresTlsError,
  PostgresUnreachableError,
} from '../postgres-errors.js';

/** What the error of `pg` means. `connecting`: nothing had been sent. `grant`: the SQL that grants what is needed. */
export function requestFailure(
  endpoint: string,
  error: unknown,
  connecting: boolean,
  timeout: number,
  grant: string,
): PostgresEndpointError {
  const { code, message = String(error) } = (error ?? {}) as { code?: unknown; message?: string };
  const what = typeof code === 'string' ? code : message;
  const sqlState = sqlStateOf(error);
  if (sqlState === undefined) {
    // A file that the URL names: `sslrootcert`, `sslcert` or `sslkey`.
    const isFile = (error as { syscall?: unknown } | undefined)?.syscall === 'open';
    if (isFile || isTls(what, message)) return new PostgresTlsError(endpoint, message, error);
    if (/timeout/i.test(message)) return new PostgresTimeoutError(endpoint, timeout, !connecting, error);
    if (/SASL|password/.test(message)) return new PostgresAuthError(endpoint, message, error);
    return new PostgresUnreachableError(endpoint, what, !connecting, error);
  }
  // No rule of pg_hba.conf admits this user without TLS; perhaps one does with it.
  if (sqlState === '28000' && /no pg_hba\.conf entry.*(no encryption|SSL off)/.test(message))
    return new PostgresTlsError(endpoint, message, error);
  if (sqlState.startsWith('28')) return new PostgresAuthError(endpoint, message, error);
  // Poolers report their own refusals as violations of the protocol.
  const byPooler = sqlState === '08P01' && connecting;
  if (byPooler && /auth|password|no such user/i.test(message)) return new PostgresAuthError(endpoint, message, error);
  if (byPooler && /SSL|TLS/.test(message)) return new PostgresTlsError(endpoint, message, error);
  if (sqlState === '53300' || (byPooler && /connections/.test(message)))
    return new PostgresConnectionsError(endpoint, message, error);
  if (sqlState === '25006') return new PostgresReadOnlyError(endpoint, message, error);
  if (sqlState === '42501') return new PostgresPermissionError(endpoint, message, grant, error);
  // The server stops, starts or recovers, or an administrator ended the connection; or the pooler lost the server.
  if (/^(57P|08)/.test(sqlState)) return new PostgresUnreachableError(endpoint, message, !connecting, error);
  return new PostgresRequestError(endpoint, sqlState, message, error);
}

/** The SQLSTATE of an error that the server reported. */
export function sqlStateOf(error: unknown): string | undefined {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && severity !== undefined ? code : undefined;
}

function isTls(code: string, message: string): boolean {
  return /^(ERR_SSL|ERR_TLS|ERR_OSSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)|SSL|TLS|certificate|PEM/.test(
    `${code} ${message}`,
  );
}
