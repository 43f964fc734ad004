import { expect, test } from 'vitest';
import { parseEtcdUrl } from '../src/index.js';

test.each([
  ['etcd://127.0.0.1:2379', { endpoints: ['http://127.0.0.1:2379'] }],
  ['etcd://a,b:1234/app/locks', { endpoints: ['http://a:2379', 'http://b:1234'], prefix: 'app/locks' }],
  ['etcds://a/x%20y', { endpoints: ['https://a:2379'], prefix: 'x y' }],
  ['etcd://[::1]:2379/', { endpoints: ['http://[::1]:2379'] }],
])('%s', (url, options) => {
  expect(parseEtcdUrl(url)).toEqual(options);
});

test.each(['', 'http://a', 'etcd://', 'etcd://a?x=1', 'etcd://me:secret@a'])(
  '%s is refused, and no password shown',
  (url) => {
    expect(() => parseEtcdUrl(url)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect(() => parseEtcdUrl(url)).not.toThrow(/secret/);
  },
);
