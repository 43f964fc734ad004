import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Client, type ConnectConfig } from 'ssh2';

/**
 * A real OpenSSH server on loopback with keys of its own, which are thrown away with it.
 *
 * It takes no signals for sessions of root. Started by root it therefore gets a user of its own, in a mount namespace
 * in which /etc/passwd has one line more.
 */
export interface SshServer {
  readonly config: ConnectConfig;
  stop(): Promise<void>;
}

/** The server's program, or `undefined` where the Debian package openssh-server is not installed. */
export const sshd = ['/usr/sbin/sshd', '/usr/bin/sshd'].find((path) => existsSync(path));

const keygen = '/usr/bin/ssh-keygen';

/**
 * The path of a new private key. OpenSSH makes it: about one in two hundred that `generateKeyPairSync` of ssh2 makes is
 * refused by ssh2's own parser.
 */
export function newKey(directory: string, name: string): string {
  const path = join(directory, name);
  spawnSync(keygen, ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
  return path;
}

export async function startSshServer(): Promise<SshServer> {
  const directory = mkdtempSync(join(tmpdir(), 'sshd-'));
  const hostKey = newKey(directory, 'host');
  const userKey = newKey(directory, 'user');
  writeFileSync(join(directory, 'authorized_keys'), readFileSync(`${userKey}.pub`));
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true });
  const root = userInfo().uid === 0;
  const username = root ? 'guest-of-test' : userInfo().username;
  const passwd = join(directory, 'passwd');
  writeFileSync(passwd, `${readFileSync('/etc/passwd', 'utf8')}guest-of-test:x:47110:47110::/:/bin/sh\n`);
  chmodSync(directory, 0o755);
  const port = await freePort();
  const settings = [
    `ListenAddress=127.0.0.1:${port}`,
    `AuthorizedKeysFile=${directory}/authorized_keys`,
    'PidFile=none',
    'StrictModes=no',
    'UsePAM=no',
    'MaxSessions=50',
  ];
  const options = settings.flatMap((setting) => ['-o', setting]);
  const daemon = [sshd ?? '', '-D', '-e', '-f', '/dev/null', '-h', hostKey, ...options];
  const withUser = ['unshare', '-m', 'sh', '-c', `mount --bind ${passwd} /etc/passwd && exec "$@"`, 'sh'];
  const [file = '', ...args] = root ? [...withUser, ...daemon] : daemon;
  const server = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  await listening(server);
  return {
    config: { host: '127.0.0.1', port, username, privateKey: readFileSync(userKey) },
    async stop() {
      if (server.exitCode === null && server.signalCode === null) {
        server.kill();
        await once(server, 'exit');
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export async function connect(server: SshServer): Promise<Client> {
  const client = new Client();
  client.connect(server.config);
  await once(client, 'ready');
  return client;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function listening(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    server.stderr?.on('data', (chunk: Buffer) => {
      said += chunk;
      if (said.includes('Server listening on')) resolve();
    });
    server.once('exit', () => reject(new Error(`sshd ended: ${said}`)));
  });
}
