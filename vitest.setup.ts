import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from 'vitest';

// A failing property prints its seed and path; these bring it back: FC_SEED=1 FC_PATH=2:3 npm test.
const number = (name: string): number | undefined => {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  if (!/^-?\d+$/.test(text)) throw new TypeError(`${name} must be a whole number; got '${text}'`);
  return Number(text);
};
const seed = number('FC_SEED');
const numRuns = number('FC_RUNS');
const path = process.env.FC_PATH;
const asked = {
  ...(seed === undefined ? {} : { seed }),
  ...(numRuns === undefined ? {} : { numRuns }),
  ...(path === undefined || path === '' ? {} : { path }),
};
// Most test files have no random tests, and loading it takes a fifth of the time that an empty file takes.
if (Object.keys(asked).length > 0) (await import('fast-check')).default.configureGlobal(asked);

// A pid that a test has read wrong must not hit the machine it runs on: '' is 0, which is the runner's own group; -1 is
// everybody. Asking whether somebody lives (0) hurts nobody.
const kill = process.kill.bind(process);
process.kill = (pid, signal) => {
  const target = Math.abs(pid);
  const sure = Number.isSafeInteger(pid) && target > 1 && target !== process.pid && target !== process.ppid;
  if (signal !== 0 && !sure) throw new TypeError(`a test was about to send ${signal ?? 'SIGTERM'} to ${pid}`);
  return kill(pid, signal);
};

// Each test file, with all processes it starts, has a temporary directory of its own, which goes with it. One that a test
// failed in stays: what the test left there is evidence. The name is short, since sockets below it have a limit of 107 bytes.
const before = process.env.TMPDIR;
const temporary = mkdtempSync(join(tmpdir(), 't-'));
// As /tmp: some tests run as several users.
chmodSync(temporary, 0o1777);
process.env.TMPDIR = temporary;
let failed = false;
afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});
afterAll(() => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  // A process that was killed and is not gone yet may still write there.
  if (!failed) rmSync(temporary, { recursive: true, force: true, maxRetries: 10 });
});
