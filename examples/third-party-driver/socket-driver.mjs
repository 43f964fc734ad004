// A lock driver by somebody else: the lock is an abstract Unix socket (Linux). The kernel lets one process bind a name,
// however hard others try, and frees it when that process ends. It holds within one network namespace.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** Binds the name; a server, or nothing when another process has it. */
function bind(name) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen({ path: `\0lock-${name}`, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}

export const socketDriver = {
  name: 'socket',
  async tryAcquire({ path }) {
    const server = await bind(createHash('sha256').update(path).digest('hex'));
    if (server === undefined) return undefined;
    // Written while the lock is held and removed before it is released: who finds it follows somebody who died.
    const mark = `${path}.holder`;
    const previousOwnerDied = existsSync(mark);
    writeFileSync(mark, String(process.pid));
    return {
      previousOwnerDied,
      release() {
        rmSync(mark, { force: true });
        return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
      },
    };
  },
  holders({ path }) {
    try {
      return [{ pid: Number(readFileSync(`${path}.holder`, 'utf8')) }];
    } catch {
      return [];
    }
  },
};
