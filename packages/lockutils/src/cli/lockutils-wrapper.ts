import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from './child/child-command.js';
import { endBySignal, SignalRelay } from './child/signal-relay.js';
import { exitStatus, statusOfFailure } from './exit-status.js';
import { complain, ignoreClosedOutput, packageVersion, print } from './terminal/output.js';

const help = `Usage: lockutils-wrapper COMMAND [ARGUMENT...]

Runs COMMAND with OSLO_LOCK_PATH set to a new temporary directory, and removes the directory when COMMAND has ended. A
SIGTERM, SIGINT or SIGHUP is passed on to COMMAND. For test suites whose code uses external locks.

Exit status: that of COMMAND, 128+n if signal n ended it, 126 or 127 if it cannot be executed or was not found, 64
for wrong usage, 71 if the directory cannot be created.

Examples:
  lockutils-wrapper npm test
  lockutils-wrapper python3 -m unittest

Options (before COMMAND):
  -h, --help     print this
  -V, --version  print the version
`;

/** The program `lockutils-wrapper`; resolves to its exit status. oslo's counterpart: `lockutils-wrapper`. */
export async function lockutilsWrapper(given: readonly string[]): Promise<number> {
  const [first] = given;
  ignoreClosedOutput();
  if (first === '--help' || first === '-h') return say(help);
  if (first === '--version' || first === '-V') return say(`${packageVersion()}\n`);
  const [file, ...args] = first === '--' ? given.slice(1) : given;
  if (file === undefined || (first !== '--' && file.startsWith('-'))) {
    process.stderr.write(help);
    return exitStatus.usage;
  }
  return runWithLockPath(file, args);
}

async function say(text: string): Promise<number> {
  try {
    await print(text);
    return 0;
  } catch (error) {
    return statusOfFailure(error);
  }
}

// The handlers are installed first: once the directory exists, only SIGKILL can end us without removing it.
async function runWithLockPath(file: string, args: readonly string[]): Promise<number> {
  const relay = new SignalRelay();
  let directory: string | undefined;
  try {
    directory = mkdtempSync(join(tmpdir(), 'lockutils-wrapper-'));
    const child = startChild({ file, args, env: { ...process.env, OSLO_LOCK_PATH: directory } });
    relay.passTo(child);
    const { status, signal, problem } = await child.ended;
    if (problem !== undefined) complain(problem);
    remove(directory);
    if (await relay.gotInterruptToo(signal)) return endBySignal(relay, 'SIGINT');
    return status;
  } catch (error) {
    complain((error as Error).message);
    return exitStatus.failure;
  } finally {
    if (directory !== undefined) remove(directory);
    relay.end();
  }
}

function remove(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true });
  } catch (error) {
    complain(`cannot remove ${directory}: ${(error as Error).message}`);
  }
}
