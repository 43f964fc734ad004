import { basename, isAbsolute } from 'node:path';

/**
 * How this process names itself to others: the program and its script, `node /srv/app/deploy.js`.
 *
 * Further arguments are left out, because they may be secrets and everybody who may read the lock path would see them;
 * `label` is for what else the others should know.
 */
export function ownCommand(): string {
  const program = basename(process.argv[0] ?? process.execPath);
  const script = process.argv[1];
  // Node makes the script's path absolute; after `-e` and `-p` the second word is the first argument instead.
  const evaluated = process.execArgv.some((argument) => /^(-[ep]+|--eval|--print)(=|$)/.test(argument));
  return script === undefined || evaluated || !isAbsolute(script) ? program : `${program} ${script}`;
}
