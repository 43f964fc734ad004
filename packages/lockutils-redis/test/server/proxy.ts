import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy that passes everything on, nothing any more, or cuts what is open. */
export class TcpProxy implements AsyncDisposable {
  /** Half-open: connections stay and are accepted, and nothing is passed on in either direction. */
  mute = false;
  /** The port that new connections lead to. */
  target: number;
  #deaf = false;
  readonly #subscribed = new Set<Socket>();
  readonly #silent = new Set<Socket>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.target = target;
  }

  static async start(port: number): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    const proxy = new TcpProxy(server, port);
    server.on('connection', (client) => {
      proxy.#join(client, connect(proxy.target, '127.0.0.1'));
    });
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Passes on nothing more that servers push: what comes on connections that a SUBSCRIBE went through. */
  deafen(): void {
    this.#deaf = true;
  }

  /** Lets the open connections stay silent for good; new ones are served when it is no longer mute. */
  forget(): void {
    for (const socket of this.#sockets) this.#silent.add(socket);
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(one: Socket, other: Socket): void {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (data) => {
        if (/subscribe/i.test(String(data))) this.#subscribed.add(one);
        const isDeaf = this.#deaf && this.#subscribed.has(one) && from === other;
        if (!this.mute && !this.#silent.has(from) && !isDeaf && to.writable) to.write(data);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        // The other side of a half-open connection learns nothing of the end.
        if (!this.mute) to.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((closed) => this.#server.close(closed));
  }
}
