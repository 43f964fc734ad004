import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The file that would be executed for `program`, or the reason why none would be. */
export type FoundProgram =
  | { readonly path: string }
  | { readonly path?: undefined; readonly problem: 'not-found' | 'not-executable' };

/** Looks for a program as execvp(3) does: in the directories of PATH, unless the name has a slash. */
export function findProgram(program: string, path = process.env.PATH): FoundProgram {
  let problem: 'not-found' | 'not-executable' = 'not-found';
  const candidates = program.includes('/')
    ? [program]
    : (path ?? '/usr/bin:/bin').split(delimiter).map((folder) => join(folder === '' ? '.' : folder, program));
  for (const candidate of program === '' ? [] : candidates) {
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
