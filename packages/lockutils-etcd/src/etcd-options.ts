import { InvalidOptionError } from '@oslo-concurrency/core';
import type { GatewayOptions } from './gateway/gateway.js';
import type { EtcdTls } from './gateway/transport.js';

/** Options of `etcdLeaseDriver`. */
export interface EtcdOptions {
  /** The client URLs of the members, `http://` or `https://`. The first that answers is used, the others on failure. */
  readonly endpoints: string | readonly string[];
  /**
   * What the keys begin with. All processes that share leases must give the same.
   * @defaultValue `oslo-concurrency/`
   */
  readonly prefix?: string;
  /**
   * For clusters with authentication, with `password`.
   * @defaultValue none
   */
  readonly username?: string;
  /**
   * The password of `username`.
   * @defaultValue none
   */
  readonly password?: string;
  /**
   * For an authority that Node does not know, or client certificates.
   * @defaultValue none: the authorities that Node trusts
   */
  readonly tls?: EtcdTls;
  /**
   * Milliseconds for one request to one endpoint. Renewals take less when the ttl is short.
   * @defaultValue `2000`
   */
  readonly requestTimeout?: number;
}

/** {@link EtcdOptions}, checked, with defaults filled in. */
export interface EtcdSettings extends GatewayOptions {
  readonly prefix: string;
}

/** @throws InvalidOptionError for the first thing that is wrong. */
export function etcdSettings(options: EtcdOptions): EtcdSettings {
  const demand = (valid: boolean, option: string, expected: string, received: unknown): void => {
    if (!valid) throw new InvalidOptionError(option, expected, received);
  };
  demand(typeof options === 'object' && options !== null, 'options', 'an object with endpoints', options);
  const { prefix = 'oslo-concurrency/', username, password, tls, requestTimeout = 2000 } = options;
  const endpoints = typeof options.endpoints === 'string' ? [options.endpoints] : options.endpoints;
  demand(Array.isArray(endpoints) && endpoints.length > 0, 'endpoints', 'one URL or several', endpoints);
  demand(isText(prefix), 'prefix', 'a string without NUL', prefix);
  // The password itself is not shown, whatever it is.
  demand((username === undefined) === (password === undefined), 'username', 'given together with password', username);
  demand(username === undefined || (isText(username) && username !== ''), 'username', 'a string', username);
  demand(password === undefined || typeof password === 'string', 'password', 'a string', typeof password);
  demand(tls === undefined || (typeof tls === 'object' && tls !== null), 'tls', 'an object', typeof tls);
  demand(
    typeof requestTimeout === 'number' && requestTimeout >= 10 && requestTimeout < 2 ** 31,
    'requestTimeout',
    'a number of milliseconds from 10 on',
    requestTimeout,
  );
  return {
    endpoints: endpoints.map(origin),
    prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`,
    tls,
    credentials: username === undefined || password === undefined ? undefined : { username, password },
    requestTimeout,
  };
}

/** The endpoint without a slash at its end. */
function origin(endpoint: unknown): string {
  const expected = 'the client URL of a member, such as http://10.0.0.1:2379, without user or path';
  const url = typeof endpoint === 'string' && URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined) throw new InvalidOptionError('endpoints', expected, endpoint);
  // A password in it is not to appear in a message.
  const shown = url.username + url.password === '' ? endpoint : `${url.protocol}//***@${url.host}`;
  const plain = url.pathname === '/' && url.search + url.hash + url.username + url.password === '';
  if (!plain || !/^https?:$/.test(url.protocol)) throw new InvalidOptionError('endpoints', expected, shown);
  return url.origin;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0');
}

/**
 * The options in a URL for command lines: `etcd://host:2379[,host:2379...][/prefix]`, or `etcds://` for TLS.
 *
 * @param url - The URL.
 * @throws InvalidOptionError for anything else, and for a password in it: command lines can be read by everybody.
 */
export function parseEtcdUrl(url: string): Pick<EtcdOptions, 'endpoints' | 'prefix'> {
  const expected = 'etcd://host:port[,host:port...][/prefix], or etcds:// for TLS';
  const [, scheme, hosts = '', path = ''] = /^(etcds?):\/\/([^/@?#]+)(?:\/([^?#]*))?$/.exec(url) ?? [];
  if (scheme === undefined) throw new InvalidOptionError('url', expected, String(url).replace(/\/\/.*@/, '//***@'));
  const protocol = scheme === 'etcds' ? 'https' : 'http';
  const endpoints = hosts.split(',').map((host) => `${protocol}://${/:\d+$/.test(host) ? host : `${host}:2379`}`);
  return path === '' ? { endpoints } : { endpoints, prefix: decodeURIComponent(path) };
}
