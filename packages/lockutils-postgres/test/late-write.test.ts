import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { PostgresServer, postgresMissing, withPostgres } from './server/postgres-server.js';

const example = fileURLToPath(new URL('../../../examples/fenced-write/late-write.mjs', import.meta.url));

test.skipIf(postgresMissing)(
  `the example loses a payment without the fence, and none with it${withPostgres}`,
  async () => {
    await using server = await PostgresServer.start();
    const { stdout } = await promisify(execFile)(process.execPath, [example, server.url]);
    expect(stdout).toBe(
      'without the fence: 100 + 10, and the late + 1 was written: 101\n' +
        'with the fence: 100 + 10, and the late + 1 was refused (ERR_LEASE_LOST): 110\n',
    );
    expect(await server.claims()).toBe(0);
  },
);
