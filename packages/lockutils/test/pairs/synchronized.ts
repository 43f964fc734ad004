import { synchronized } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

const append = synchronized('ledger', { lockFilePrefix: 'nova', external: true })(function append(entry: string) {
  work();
  return entry.toUpperCase();
});

console.log(await append('a'), append.name);
