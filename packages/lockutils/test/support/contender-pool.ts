import { afterAll, afterEach, beforeAll } from 'vitest';
import { type Contender, contenders } from './contender.js';

/** So many contenders for all tests of a file, each of them new in every test. Returns how to get number `index`. */
export function contenderPool(count: number): { contender(index: number): Contender; all(): readonly Contender[] } {
  let pool: Contender[];
  beforeAll(async () => {
    pool = await contenders(count);
  });
  afterEach(async () => {
    pool = await Promise.all(pool.map((contender) => contender.again()));
  });
  afterAll(async () => {
    await Promise.all(pool.map((contender) => contender.end()));
  });
  return { contender: (index) => pool[index] as Contender, all: () => pool };
}
