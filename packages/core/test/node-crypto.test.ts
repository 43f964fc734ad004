import crypto from 'node:crypto';
import { nodeCrypto } from '@oslo-concurrency/core';
import { expect, it } from 'vitest';

it('nodeCrypto is node:crypto', () => {
  expect(nodeCrypto()).toBe(crypto);
});
