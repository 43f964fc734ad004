// Two versions of lockutils, each with a core of its own, in one process.
import { readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isConcurrencyError } from '@oslo-concurrency/core';
import * as older from '@oslo-concurrency/lockutils';
import * as newer from 'newer';

const require = createRequire(import.meta.url);
const homes = ['@oslo-concurrency/lockutils', 'newer'].map((name) => dirname(require.resolve(`${name}/package.json`)));
const cores = homes.map((home) => realpathSync(createRequire(join(home, 'x')).resolve('@oslo-concurrency/core')));
const errors = [];
const refused = async (holder, other, options) =>
  holder.lock('ledger', options, () =>
    other
      .lock('ledger', { ...options, blocking: false }, () => 'granted')
      .catch((error) => {
        errors.push(error);
        return error.code;
      }),
  );
const both = async (options) => [await refused(older, newer, options), await refused(newer, older, options)];
const internal = await both({});
const external = await both({ external: true });
console.log(
  JSON.stringify({
    versions: homes.map((home) => JSON.parse(readFileSync(join(home, 'package.json'))).version.split('.')[0]),
    distinctCores: cores[0] !== cores[1],
    internal,
    external,
    recognised: errors.every((error) => isConcurrencyError(error, error.code)),
    instanceOf: errors[0] instanceof older.AcquireLockFailedError,
  }),
);
