import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy that passes everything on, nothing any more, or cuts what is open. */
export class TcpProxy implements AsyncDisposable {
  /** Half-open: connections stay and are accepted, and nothing is passed on in either direction. */
  mute = false;
  /** The port that new connections lead to. */
  target: number;
  /** Passes on nothing that servers answer. */
  swallowing = false;
  /** How many connections it has had. */
  joined = 0;
  #deaf = false;
  #held = new Map<Socket, (() => void)[]>();
  readonly #clients = new Set<Socket>();
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

  /** Keeps back what clients send on the open connections. Returns what delivers it after all. */
  hold(): () => void {
    const held = new Map<Socket, (() => void)[]>();
    for (const socket of this.#clients) held.set(socket, []);
    this.#held = held;
    return () => {
      this.#held = new Map();
      for (const deliveries of held.values()) for (const deliver of deliveries) deliver();
    };
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(one: Socket, other: Socket): void {
    this.joined++;
    this.#clients.add(one);
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (data) => {
        if (/subscribe/i.test(String(data))) this.#subscribed.add(one);
        const isDeaf = this.#deaf && this.#subscribed.has(one) && from === other;
        const swallowed = this.mute || isDeaf || this.#silent.has(from) || (this.swallowing && from === other);
        const held = this.#held.get(from);
        if (held !== undefined) held.push(() => to.write(data));
        else if (!swallowed && to.writable) to.write(data);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        this.#clients.delete(from);
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
