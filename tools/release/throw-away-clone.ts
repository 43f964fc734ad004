import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.js';
import { root } from './tarballs.js';

/** A clone of this repository's last commit, with its tools and builds, in which a release can be tried. */
export class ThrowAwayClone {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    this.git('clone', '--quiet', root, folder);
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const short of this.packages) {
      const built = join(root, 'packages', short, 'dist');
      if (existsSync(built)) cpSync(built, join(folder, 'packages', short, 'dist'), { recursive: true });
    }
  }

  get packages(): readonly string[] {
    return readdirSync(join(this.folder, 'packages'));
  }

  git(...args: string[]): string {
    const who = ['-c', 'user.name=rehearsal', '-c', 'user.email=rehearsal@localhost', '-c', 'commit.gpgsign=false'];
    const cwd = existsSync(this.folder) ? this.folder : root;
    return command(cwd, 'git', [...who, ...args]).trim();
  }

  commit(message: string): void {
    this.git('add', '--all', '--', ':!node_modules');
    this.git('commit', '--quiet', '--allow-empty', '--message', message);
  }

  manifest(short: string): { name: string; version: string; dependencies?: Record<string, string> } {
    return JSON.parse(readFileSync(join(this.folder, 'packages', short, 'package.json'), 'utf8'));
  }

  /** Version by package. */
  versions(): Record<string, string> {
    return Object.fromEntries(this.packages.map((short) => [short, this.manifest(short).version]));
  }

  changelog(short: string): string {
    const path = join(this.folder, 'packages', short, 'CHANGELOG.md');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** Announces a change, as `npm run changeset` would. */
  announce(short: string, kind: 'patch' | 'minor' | 'major', text: string): void {
    const file = join(this.folder, '.changeset', `${short}-${kind}.md`);
    writeFileSync(file, `---\n"@oslo-concurrency/${short}": ${kind}\n---\n\n${text}\n`);
  }

  changeset(command_: 'version' | 'publish', env: NodeJS.ProcessEnv = {}): string {
    return command(this.folder, join(root, 'node_modules/.bin/changeset'), [command_], { CI: 'true', ...env });
  }

  /** All that is announced becomes versions and changelogs. */
  version(): void {
    this.changeset('version');
    this.commit('Version packages');
  }

  /** As if every package had been released as this version. */
  pretend(version: string): void {
    for (const short of this.packages) {
      const manifest = this.manifest(short);
      manifest.version = version;
      for (const name of Object.keys(manifest.dependencies ?? {})) {
        if (name.startsWith('@oslo-concurrency/') && manifest.dependencies) manifest.dependencies[name] = `^${version}`;
      }
      writeFileSync(
        join(this.folder, 'packages', short, 'package.json'),
        `${JSON.stringify(manifest, undefined, 2)}\n`,
      );
    }
    this.git('rm', '--quiet', '--ignore-unmatch', '.changeset/*.md');
    this.commit(`Release ${version}`);
  }
}
