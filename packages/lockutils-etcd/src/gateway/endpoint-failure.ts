import {
  EtcdAuthError,
  type EtcdEndpointError,
  EtcdNoLeaderError,
  EtcdRequestError,
  EtcdTlsError,
  EtcdUnreachableError,
  NotEtcdError,
} from '../etcd-errors.js';

// The connection was never made, so the request was not sent.
const beforeSending = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The error for what `fetch` rejected with. */
export function connectionFailure(endpoint: string, thrown: unknown): EtcdEndpointError {
  // fetch says "fetch failed" and hides the system's error as its cause, sometimes one level deeper.
  let root = thrown as NodeJS.ErrnoException & { socket?: { bytesRead?: number } };
  while (root.cause instanceof Error) root = root.cause as typeof root;
  const code = root.code ?? root.message;
  if (/CERT|TLS|SSL|SIGNATURE|PEM|^EPROTO$/.test(code)) return new EtcdTlsError(endpoint, code, false, thrown);
  // In TLS 1.3 a server refuses a client's certificate after the handshake, by hanging up.
  const hungUp = root.socket?.bytesRead === 0;
  if (hungUp && endpoint.startsWith('https:')) {
    return new EtcdTlsError(endpoint, 'closed without an answer, as for a wrong client certificate', true, thrown);
  }
  const what = hungUp ? 'closed without an answer' : code;
  return new EtcdUnreachableError(endpoint, what, !beforeSending.has(code), thrown);
}

const whenFull =
  'its database is full, and it takes no more until somebody frees it: compact it (etcdctl compaction REVISION), ' +
  'defragment every member (etcdctl defrag --cluster), raise --quota-backend-bytes if that does not last, and then ' +
  'clear the alarm (etcdctl alarm disarm)';
const unavailable = 14;
const aboutAuth = /auth|permission denied|user name|invalid user/i;

/** The error for an answer that is not a success. `body` is what came, as text. */
export function answerFailure(endpoint: string, status: number, body: string): EtcdEndpointError {
  const answer = parsed(body);
  if (answer === undefined) {
    // A proxy speaks for a server that it cannot reach.
    if (status >= 502 && status <= 504) return new EtcdUnreachableError(endpoint, `HTTP ${status}`, true, undefined);
    return new NotEtcdError(endpoint, `HTTP ${status} ${body}`);
  }
  return rpcFailure(endpoint, answer.code, answer.message);
}

/** The error for what etcd itself says. */
export function rpcFailure(endpoint: string, code: number, message: string): EtcdEndpointError {
  if (code === unavailable || /no leader|leader changed|request timed out|not capable/.test(message)) {
    return new EtcdNoLeaderError(endpoint, message, !message.includes('no leader'));
  }
  if (code === 16 || code === 7 || aboutAuth.test(message)) return new EtcdAuthError(endpoint, message);
  return new EtcdRequestError(endpoint, code, message, /database space exceeded/.test(message) ? whenFull : undefined);
}

function parsed(body: string): { readonly code: number; readonly message: string } | undefined {
  try {
    const { code, message, error } = JSON.parse(body) as { code?: number; message?: string; error?: unknown };
    const text = message ?? (typeof error === 'string' ? error : undefined);
    return typeof code === 'number' && text !== undefined ? { code, message: text } : undefined;
  } catch {
    return undefined;
  }
}
