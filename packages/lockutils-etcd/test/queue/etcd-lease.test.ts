import { expect, test } from 'vitest';
import { grantLease } from '../../src/queue/etcd-lease.js';
import { type Answer, scriptedMember } from '../support/scripted-member.js';

const refuse = (message: string): Answer => {
  return (response) => {
    response.statusCode = 412;
    response.end(JSON.stringify({ code: 9, message }));
  };
};
const breakOff: Answer = (response) => response.destroy();

test('a lease whose answer was lost is the one that was asked for, when the request is repeated', async () => {
  const exists = refuse('etcdserver: lease already exists');
  await using member = await scriptedMember({ '/v3/lease/grant': [breakOff, exists] });
  expect(await grantLease(member.gateway, '7', 10, {})).toBe(10);
  expect(member.asked).toHaveLength(2);
});

test('any other refusal of a lease is an error', async () => {
  await using member = await scriptedMember({ '/v3/lease/grant': [refuse('etcdserver: too large lease TTL')] });
  await expect(grantLease(member.gateway, '7', 10, {})).rejects.toMatchObject({ code: 'ERR_ETCD_REQUEST' });
});
