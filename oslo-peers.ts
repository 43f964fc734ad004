import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { python } from './installed.js';

/** A release of oslo.concurrency, with its oslo.config, oslo.utils and fasteners, that tests meet. */
export interface OsloPeer {
  /** For the title of a test: which versions these are, or why they are skipped. */
  readonly title: string;
  /** Whether they can be imported here. */
  readonly present: boolean;
  /** What {@link python} needs in its environment to import them. */
  readonly env: { readonly PYTHONPATH?: string };
}

const fetched = join(import.meta.dirname, '.cache', 'newest-oslo');

/** What Debian has installed, and the newest that there is. `present` is true for both where `CI` is set, else it throws. */
export const osloPeers: readonly OsloPeer[] = [
  peer('installed', 'the Debian package python3-oslo.concurrency', {}),
  peer('newest', '.ci/newest-oslo to have been run', existsSync(fetched) ? { PYTHONPATH: fetched } : undefined),
];

function peer(name: string, needs: string, env: OsloPeer['env'] | undefined): OsloPeer {
  const versions = env === undefined ? undefined : versionsWith(env);
  if (versions === undefined && process.env.CI) throw new Error(`${name} oslo.concurrency: needs ${needs}`);
  const title = `the ${name} oslo.concurrency (${versions ?? `skipped: needs ${needs}`})`;
  return { title, present: versions !== undefined, env: env ?? {} };
}

function versionsWith(env: OsloPeer['env']): string | undefined {
  const program = `
from importlib.metadata import version
import fasteners, oslo_concurrency.lockutils, oslo_config.cfg
print(', '.join(f'{name} {version(name)}' for name in ('oslo.concurrency', 'oslo.config', 'fasteners')))
`;
  const { status, stdout } = spawnSync(python, ['-c', program], { env: { ...process.env, ...env }, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
