import { InvalidOptionError } from '@oslo-concurrency/core';
import type { EtcdOptions } from './etcd-options.js';

/**
 * The options in a URL for command lines: `etcd://host:2379[,host:2379...][/prefix]`, or `etcds://` for TLS.
 *
 * @throws InvalidOptionError for anything else, and for a password in it: command lines can be read by everybody.
 */
export function parseEtcdUrl(url: string): Pick<EtcdOptions, 'endpoints'> & Pick<EtcdOptions, 'prefix'> {
  const expected = 'etcd://host:port[,host:port...][/prefix], or etcds:// for TLS';
  const [, scheme, hosts = '', path = ''] = /^(etcds?):\/\/([^/@?#]+)(?:\/([^?#]*))?$/.exec(url) ?? [];
  if (scheme === undefined) throw new InvalidOptionError('url', expected, String(url).replace(/\/\/.*@/, '//***@'));
  const protocol = scheme === 'etcds' ? 'https' : 'http';
  const endpoints = hosts.split(',').map((host) => `${protocol}://${/:\d+$/.test(host) ? host : `${host}:2379`}`);
  return path === '' ? { endpoints } : { endpoints, prefix: decodeURIComponent(path) };
}
