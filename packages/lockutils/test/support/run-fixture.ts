import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Runs a program of `fixtures/` to its end, with `argument` as JSON. */
export function runFixture(
  program: string,
  argument: unknown,
  options: { readonly execArgv?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<{ readonly exitCode: number | string; readonly stdout: string; readonly stderr: string }> {
  const path = fileURLToPath(new URL(`../fixtures/${program}`, import.meta.url));
  const args = [...(options.execArgv ?? []), path, JSON.stringify(argument)];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env: { ...process.env, ...options.env } }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : (error.code ?? error.signal ?? 1), stdout, stderr });
    });
  });
}
