// Of its own, so that the settings of this repository's tests do not count.
// How long a busy machine may take for a test is no promise of ours.
export default { test: { include: ['vitest.test.mjs'], reporters: ['default'], testTimeout: 180_000 } };
