import { expect, it } from 'vitest';
import { TurnRegistry } from '../../build/local/turn-registry.js';

const alone = { shared: false, permits: undefined };

it('a queue that was forgotten and is settled once more takes no queue away that was opened for its key since', () => {
  const registry = new TurnRegistry();
  // Holds the place of the latest key, which is not in the map.
  registry.open('other').take(alone, undefined);
  const forgotten = registry.open('x');
  registry.settle('x', forgotten);
  const held = registry.open('x');
  held.take(alone, undefined);
  registry.settle('x', forgotten);
  expect(registry.peek('x')).toBe(held);
  expect(registry.size).toBe(2);
});
