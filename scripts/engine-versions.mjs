// What the tests of each lease driver run against here: programs of the system, and client packages.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { packages } from './workspaces.mjs';

/** Of each package: its programs as `name: [program, argument]`, and the npm packages that are its clients. */
const engines = {
  'lockutils-etcd': { programs: { etcd: ['etcd', '--version'] }, clients: [] },
  'lockutils-postgres': {
    programs: { Postgres: ['postgres', '--version'], pgbouncer: ['pgbouncer', '--version'] },
    clients: ['pg'],
  },
  'lockutils-redis': { programs: { Redis: ['redis-server', '--version'] }, clients: ['ioredis', 'redis'] },
};

/** Where programs of servers lie, in addition to PATH. */
const postgres = '/usr/lib/postgresql';
const folders = [
  ...(existsSync(postgres) ? readdirSync(postgres).map((version) => join(postgres, version, 'bin')) : []),
  '/usr/sbin',
];

/** `Postgres 15.18, pgbouncer 1.18.0` and `pg 8.23.1`, as installed; `undefined` if a program is missing. */
export function engineVersions(short) {
  const { programs, clients } = engines[short] ?? {};
  if (programs === undefined) return undefined;
  const servers = [];
  for (const [name, [program, argument]] of Object.entries(programs)) {
    const PATH = [...folders, process.env.PATH].join(delimiter);
    const { stdout } = spawnSync(program, [argument], { encoding: 'utf8', env: { ...process.env, PATH } });
    const version = /\d+\.\d+(\.\d+)?/.exec(stdout ?? '')?.[0];
    if (version === undefined) return undefined;
    servers.push(`${name} ${version}`);
  }
  return { servers: servers.join(', '), clients: clientVersions(short, clients).join(', ') || 'fetch of Node' };
}

/** The installed versions of the clients, also under other names: the tests run with several of one client. */
function clientVersions(short, clients) {
  const { folder, manifest } = packages.find(({ manifest: { name } }) => name.endsWith(`/${short}`));
  const { resolve } = createRequire(join(folder, 'package.json'));
  return Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
    .filter((name) => clients.some((client) => name === client || name.startsWith(`${client}-`)))
    .map((name) => {
      const path = resolve
        .paths(name)
        .map((base) => join(base, name, 'package.json'))
        .find(existsSync);
      const found = JSON.parse(readFileSync(path, 'utf8'));
      return `${found.name} ${found.version}`;
    });
}
