import {
  NotRedisError,
  RedisAuthError,
  RedisClusterDownError,
  type RedisEndpointError,
  RedisForeignKeyError,
  RedisLoadingError,
  RedisMaxClientsError,
  RedisOutOfMemoryError,
  RedisReadOnlyError,
  RedisRequestError,
  RedisTimeoutError,
  RedisTlsError,
  RedisUnreachableError,
} from '../redis-errors.js';
import type { ConnectionSource } from './connection.js';

/** What is known of the place and the moment of a failure. */
export interface FailureContext {
  readonly source: Pick<ConnectionSource, 'endpoint' | 'secure'>;
  /** Milliseconds that were given for opening a connection. */
  readonly timeout: number;
  /** What the keys of the lease begin with. */
  readonly key: string;
  /** Whether the step had been sent when it failed. */
  readonly sent: boolean;
}

type Kind = new (endpoint: string, answer: string, cause: unknown) => RedisEndpointError;

/**
 * The situations that a server names. It writes the word first, or, from within a script of an older server, somewhere in
 * the text. That the connection takes no more clients may also come as the reason why it broke.
 */
const answers: readonly (readonly [RegExp, Kind])[] = [
  [/max number of clients/i, RedisMaxClientsError],
  // Before a login, a server reads no long request: a client that sends one after a refused login gets this answer.
  [
    /\b(NOAUTH|WRONGPASS|NOPERM)\b|unauthenticated (multi)?bulk|invalid (username-)?password|without any password configured/i,
    RedisAuthError,
  ],
  [/\b(READONLY|MASTERDOWN)\b/, RedisReadOnlyError],
  [/\bOOM\b/, RedisOutOfMemoryError],
  [/\bLOADING\b/, RedisLoadingError],
  [/\b(CLUSTERDOWN|TRYAGAIN)\b|Too many Cluster redirections/i, RedisClusterDownError],
  [/protocol error|unexpected (data|reply|type)|unknown RESP type|Got .* as reply type byte/i, NotRedisError],
];

const brokenConnection =
  /\b(closed|socket|ended|writeable|offline|disconnect\w*|startup nodes|all sentinels|ECONN\w+|EPIPE|ENOTFOUND|EAI_\w+|E?TIMEDOUT|EHOST\w+|ENET\w+)\b/i;
const tlsCode = /^(ERR_SSL|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|EPROTO)/;

/** The error for the situation that `failure` of a client is about. */
export function endpointFailure(failure: unknown, context: FailureContext): RedisEndpointError {
  const { source, timeout, key, sent } = context;
  const { endpoint, secure } = source;
  const parts = chain(failure);
  const text = parts.map(({ message }) => message).join(' | ');
  if (/\bWRONGTYPE\b/.test(text)) return new RedisForeignKeyError(endpoint, key, failure);
  for (const [pattern, kind] of answers) {
    const part = parts.find(({ message }) => pattern.test(message));
    if (part !== undefined) return new kind(endpoint, part.message, failure);
  }
  if (!sent && /connect ETIMEDOUT|connection timeout/i.test(text)) {
    return new RedisTimeoutError(endpoint, timeout, { sent, secure, cause: failure });
  }
  const tls = parts.find(({ code, message }) => tlsCode.test(code) || /\b(SSL|TLS)\b|certificate/.test(message));
  if (tls !== undefined) return new RedisTlsError(endpoint, tls.message, failure);
  const broken = parts.find(({ code, message }) => brokenConnection.test(`${code} ${message}`));
  if (broken !== undefined || !parts.some(({ name }) => /^(ReplyError|ErrorReply|SimpleError|BlobError)$/.test(name))) {
    const { code, message } = parts.find((part) => /^E[A-Z_]+$/.test(part.code)) ??
      broken ?? { code: '', message: text };
    return new RedisUnreachableError(endpoint, code === '' ? message : code, sent, failure);
  }
  return new RedisRequestError(endpoint, text, failure);
}

interface Part {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

/** The error, its causes, and the errors that it collects, each once. */
function chain(failure: unknown, seen = new Set<unknown>()): readonly Part[] {
  if (typeof failure !== 'object' || failure === null || seen.has(failure)) {
    return seen.size > 0 ? [] : [{ name: '', code: '', message: String(failure) }];
  }
  seen.add(failure);
  const { name, code, message, cause, errors, lastNodeError, previousErrors } = failure as { [field: string]: unknown };
  const called = failure.constructor?.name;
  const own = {
    // The package `redis` names its errors by their class alone.
    name: /^(ErrorReply|SimpleError|BlobError)$/.test(called) ? called : String(name ?? ''),
    code: typeof code === 'string' ? code : '',
    message: typeof message === 'string' ? message : '',
  };
  const more = [cause, lastNodeError, ...list(errors), ...list(previousErrors)].filter((one) => one !== undefined);
  return [own, ...more.flatMap((one) => chain(one, seen))];
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
