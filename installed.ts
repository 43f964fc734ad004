import { existsSync } from 'node:fs';

/** The Python of the system, which sees the modules of Debian's packages. */
export const python = '/usr/bin/python3';

/** Whether {@link python} is there, by the rule of {@link isInstalled}. */
export const hasPython = isInstalled('python3', existsSync(python));

/** Whether what a Debian package brings is `present`. In CI it has to be; elsewhere its tests are skipped, with a message. */
export function isInstalled(debianPackage: string, present: boolean): boolean {
  if (!present && process.env.CI) throw new Error(`Install the Debian package ${debianPackage}`);
  if (!present) console.warn(`Skipped: the Debian package ${debianPackage} is not installed`);
  return present;
}
