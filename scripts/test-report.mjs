import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** The counts of one JSON report of vitest. A file that could not even be loaded counts as one failure. */
export function countReport(report, folder) {
  const files = JSON.parse(readFileSync(report, 'utf8')).testResults;
  const tests = files.flatMap((file) =>
    file.assertionResults.map((test) => ({ ...test, title: `${relative(folder, file.name)} > ${test.fullName}` })),
  );
  const notLoaded = files.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const skipped = tests.filter((test) => test.status !== 'passed' && test.status !== 'failed');
  return {
    passed: tests.filter((test) => test.status === 'passed').length,
    failed: tests.filter((test) => test.status === 'failed').length + notLoaded.length,
    skipped: skipped.length,
    skippedTitles: skipped.map((test) => test.title),
    failedTitles: [
      ...tests
        .filter(({ status }) => status === 'failed')
        .map((test) => `${test.title}: ${firstLine(test.failureMessages[0])}`),
      ...notLoaded.map((file) => `${relative(folder, file.name)}: ${firstLine(file.message)}`),
    ],
  };
}

function firstLine(message = '') {
  return message.split('\n')[0];
}

/** The line that CI counts. */
export const countsLine = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;
