import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { windowsCandidates } from './windows-command.js';

/** The file that would be executed for `program`, or the reason why none would be. */
export type FoundProgram =
  | { readonly path: string }
  | { readonly path?: undefined; readonly problem: 'not-found' | 'not-executable' };

/**
 * Looks for a program as the system does. As execvp(3): in the directories of PATH, unless the name has a slash. On
 * Windows, see {@link windowsCandidates}.
 */
export function findProgram(program: string, env: NodeJS.ProcessEnv = process.env): FoundProgram {
  let problem: 'not-found' | 'not-executable' = 'not-found';
  for (const candidate of program === '' ? [] : candidatesFor(program, env)) {
    try {
      if (statSync(candidate).isDirectory()) {
        problem = 'not-executable';
        continue;
      }
      accessSync(candidate, constants.X_OK);
      return { path: candidate };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES') problem = 'not-executable';
    }
  }
  return { problem };
}

function candidatesFor(program: string, env: NodeJS.ProcessEnv): readonly string[] {
  if (process.platform === 'win32') return windowsCandidates(program, env);
  if (program.includes('/')) return [program];
  return (env.PATH ?? '/usr/bin:/bin').split(delimiter).map((folder) => join(folder === '' ? '.' : folder, program));
}
