// Of its own, so that the settings of this repository's tests do not count.
export default { test: { include: ['vitest.test.mjs'], reporters: ['default'] } };
