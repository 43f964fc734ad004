import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { command } from './command.js';
import { root } from './tarballs.js';

/** A registry of one's own on loopback, which passes on what is not ours to the registry npm is set to. */
export interface Registry {
  /** What npm is to be run with to use it. */
  readonly env: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export async function startRegistry(folder: string): Promise<Registry> {
  const home = join(root, 'tools', 'registry');
  if (!existsSync(join(home, 'node_modules'))) command(home, 'npm', ['ci', '--no-audit', '--no-fund']);
  const upstream = command(root, 'npm', ['config', 'get', 'registry']).trim();
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const config = {
    storage: join(folder, 'storage'),
    auth: { htpasswd: { file: join(folder, 'htpasswd'), max_users: -1 } },
    uplinks: { upstream: { url: upstream, cache: true, timeout: '60s', max_fails: 100 } },
    packages: {
      '@oslo-concurrency/*': { access: '$all', publish: '$all', unpublish: '$all' },
      '**': { access: '$all', proxy: 'upstream' },
    },
    log: { type: 'stdout', format: 'json', level: 'error' },
    max_body_size: '100mb',
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify(config));
  writeFileSync(join(folder, 'npmrc'), `registry=http://${host}/\n//${host}/:_authToken=anybody\n`);
  const child = spawn(
    process.execPath,
    [join(home, 'node_modules/verdaccio/bin/verdaccio'), '--config', join(folder, 'config.yaml'), '--listen', host],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...authorities(), ...process.env } },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  const deadline = performance.now() + 60_000;
  while (!(await answers(`http://${host}/-/ping`))) {
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error(`the registry does not answer: ${said}`);
    await sleep(50);
  }
  return {
    env: { npm_config_userconfig: join(folder, 'npmrc'), npm_config_registry: `http://${host}/` },
    async close() {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

/** The authorities that npm trusts, for a registry behind a proxy that has its own. */
function authorities(): NodeJS.ProcessEnv {
  const file = command(root, 'npm', ['config', 'get', 'cafile']).trim();
  return file === '' || file === 'null' ? {} : { NODE_EXTRA_CA_CERTS: file };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
