import { spawnSync } from 'node:child_process';

/** Runs a command to its end and returns what it wrote to stdout; throws with all it said when it fails. */
export function command(cwd: string, file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const { status, signal, stdout, stderr, error } = spawnSync(file, args, {
    cwd,
    encoding: 'utf8',
    timeout: 150_000,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, NODE_REDIRECT_WARNINGS: undefined, NO_UPDATE_NOTIFIER: '1', ...env },
  });
  if (status === 0) return stdout;
  throw new Error(
    `${file} ${args.join(' ')} ended with ${error?.message ?? signal ?? status} in ${cwd}\n${stdout}${stderr}`,
  );
}

export const npm = (cwd: string, ...args: string[]): string =>
  command(cwd, 'npm', [...args, '--no-audit', '--no-fund']);
export const node = (cwd: string, ...args: string[]): string => command(cwd, process.execPath, args);
