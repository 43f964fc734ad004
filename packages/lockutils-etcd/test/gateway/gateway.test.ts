import { expect, test } from 'vitest';
import { type Answer, scriptedMember } from '../support/scripted-member.js';

const path = '/v3/kv/txn';
const breakOff: Answer = (response) => response.destroy();

test('a request that breaks off is repeated once, unless it must not be carried out twice', async () => {
  for (const [once, requests] of [
    [false, 2],
    [true, 1],
  ] as const) {
    await using member = await scriptedMember({ [path]: [breakOff] });
    await expect(member.gateway.call(path, {}, { once })).rejects.toMatchObject({
      code: 'ERR_ETCD_UNREACHABLE',
      maybeApplied: true,
    });
    expect(member.asked).toHaveLength(requests);
  }
});
