import test from 'ava';
import { promises } from './promises.mjs';

// AVA counts its own assertions, and these are Node's.
for (const [title, promise] of Object.entries(promises)) {
  test.serial(title, async (t) => {
    await t.notThrowsAsync(promise());
  });
}
