import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'pack-once.ts',
    reporters: ['default', ['json', { outputFile: 'test-report.json' }]],
    // Each installs real packages.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Import times are told by a yardstick that takes what runs beside it into account.
    maxWorkers: 2,
  },
});
