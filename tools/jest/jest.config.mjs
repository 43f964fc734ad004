export default {
  testEnvironment: 'jsdom',
  testMatch: ['**/*.test.mjs'],
  // The packages are ES modules, which Jest runs as they are.
  transform: {},
};
