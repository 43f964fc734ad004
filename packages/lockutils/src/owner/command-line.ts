import { basename, isAbsolute } from 'node:path';

/**
 * The name that this process shows to others: the program and its script, `node /srv/app/deploy.js`.
 *
 * Further arguments are left out: they may be secrets, and every user with read access to the lock path would see them.
 * The option `label` carries anything else that others should know.
 */
export function ownCommand(): string {
  const program = basename(process.argv[0] ?? process.execPath);
  const script = process.argv[1];
  // Node makes the script's path absolute. After `-e` and `-p`, the second word is the first argument instead.
  const evaluated = process.execArgv.some((argument) => /^(-[ep]+|--eval|--print)(=|$)/.test(argument));
  return script === undefined || evaluated || !isAbsolute(script) ? program : `${program} ${script}`;
}
