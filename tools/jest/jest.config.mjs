export default {
  testEnvironment: 'jsdom',
  testMatch: ['**/*.test.mjs'],
  // The packages are ES modules, which Jest runs as they are.
  transform: {},
  // How long a busy machine may take for a test is no promise of ours.
  testTimeout: 180_000,
};
