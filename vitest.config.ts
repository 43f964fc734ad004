import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: [fileURLToPath(new URL('vitest.setup.ts', import.meta.url))],
    // The report is what `npm test` counts.
    reporters: ['default', ['json', { outputFile: 'test-report.json' }]],
    testTimeout: 30_000,
    // How long to wait for an event is no promise of ours: a busy machine may take seconds to start a process.
    expect: { poll: { timeout: 20_000, interval: 20 } },
    // Most tests wait for processes; one at a time would leave half of the smallest machine idle.
    maxWorkers: 2,
    // What is built is loaded by Node itself, as for users: a copy of it of the test runner's own would have other classes
    // than what the package loads later by itself.
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
    passWithNoTests: true,
  },
});
