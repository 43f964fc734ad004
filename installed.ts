import { existsSync } from 'node:fs';

/** The Python of the system. */
export const python = '/usr/bin/python3';

/** Whether {@link python} is there. In CI it has to be; elsewhere the tests that need it are skipped, with a message. */
export const hasPython = isInstalled(python, 'python3');

function isInstalled(file: string, debianPackage: string): boolean {
  const present = existsSync(file);
  if (!present && process.env.CI) throw new Error(`Install the Debian package ${debianPackage}`);
  if (!present) console.warn(`Skipped: tests that need the Debian package ${debianPackage}`);
  return present;
}
