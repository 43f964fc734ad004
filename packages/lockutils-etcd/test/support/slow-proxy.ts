import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy that holds every byte back for `delay` ms, both ways, or takes connections and never passes anything on. */
export class SlowProxy implements AsyncDisposable {
  /** Milliseconds; `Infinity` passes nothing. */
  delay: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, delay: number) {
    this.#server = server;
    this.delay = delay;
  }

  static async start(target: string, delay: number): Promise<SlowProxy> {
    const { port } = new URL(target);
    const server = createServer().listen(0, '127.0.0.1');
    const proxy = new SlowProxy(server, delay);
    server.on('connection', (client) => proxy.#join(client, connect(Number(port), '127.0.0.1')));
    await once(server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  #join(one: Socket, other: Socket): void {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (data) => {
        if (this.delay !== Number.POSITIVE_INFINITY) setTimeout(() => to.writable && to.write(data), this.delay);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }
}
