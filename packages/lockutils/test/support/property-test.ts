import fc from 'fast-check';
import { test } from 'vitest';

/**
 * A test of a promise that holds whatever is drawn; a failing one prints seed and path.
 *
 * Hooks run once, not for every draw: what each draw needs anew, the promise makes itself. (`@fast-check/vitest` would run
 * them each time, but builds every order of vitest's modifiers when it is loaded: 3.5 s in each test file.)
 */
export function testProperty<Drawn extends [unknown, ...unknown[]]>(
  arbitraries: { [Index in keyof Drawn]: fc.Arbitrary<Drawn[Index]> },
  parameters?: fc.Parameters<Drawn>,
) {
  return (title: string, promise: (...drawn: Drawn) => void | Promise<void>): void => {
    const property = fc.asyncProperty<Drawn>(...arbitraries, async (...drawn) => await promise(...drawn));
    test(title, () => fc.assert(property, parameters));
  };
}
