import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './vitest.sequence.js';

// Files whose tests hold a promise of time or processor share against the clock: beside another file they would measure
// that one too, and a lease of a second or less might not be renewed in time. And the random plans, which fill the machine.
const measuring = [
  'test/properties/*.test.ts',
  'test/promises/{import,strict-drivers}.test.ts',
  'test/verify-lease-driver.test.ts',
  'test/verify/leases/verify-lease-driver.test.ts',
  'test/promises/{takeover,ending-while-waiting,idle-waiters}.test.ts',
  'test/{import,import-footprint,lifecycle}.test.ts',
  'test/terminate/terminate-tree.test.ts',
];

// Tests of Redis and Postgres wait for a ttl most of their time: two files at a time would use 0.7 of two cores. Those of etcd
// keep clusters of three busy.
const files = /lockutils-(postgres|redis)$/.test(process.cwd()) ? 3 : 2;

export default defineConfig({
  test: {
    setupFiles: [fileURLToPath(new URL('vitest.setup.ts', import.meta.url))],
    // The report is what `npm test` counts.
    reporters: ['default', ['json', { outputFile: 'test-report.json' }]],
    // How long to wait for a test or an event is no promise of ours: a busy machine may take seconds to start a process.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000, interval: 20 } },
    // What is built is loaded by Node itself, as for users: a copy of it of the test runner's own would have other classes
    // than what the package loads later by itself.
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
    passWithNoTests: true,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'side by side',
          include: ['test/**/*.test.ts'],
          exclude: measuring,
          // Most tests wait for processes; one file at a time would leave half of the smallest machine idle.
          maxWorkers: files,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: measuring, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
