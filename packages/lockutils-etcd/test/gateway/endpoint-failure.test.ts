import { expect, test } from 'vitest';
import { answerFailure } from '../../src/gateway/endpoint-failure.js';

test('a proxy that cannot reach its member counts as an endpoint that cannot be reached, so the next one is asked', () => {
  for (const status of [502, 503, 504]) {
    expect(answerFailure('http://here', status, '<html>Bad Gateway</html>')).toMatchObject({
      code: 'ERR_ETCD_UNREACHABLE',
      tryElsewhere: true,
      maybeApplied: true,
    });
  }
  for (const status of [404, 501, 505]) {
    expect(answerFailure('http://here', status, '<html></html>')).toMatchObject({
      code: 'ERR_NOT_ETCD',
      tryElsewhere: false,
    });
  }
});
