import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy in front of a server that can delay, cut its connections, or leave them half-open. */
export class TcpProxy implements AsyncDisposable {
  /** Milliseconds that every byte is held back, both ways. */
  delay = 0;
  /** The port that new connections go to. */
  target: number;
  /** Keeps back the notifications of the server, and nothing else. */
  silent = false;
  readonly #server: Server;
  readonly #pairs = new Map<Socket, Socket>();
  readonly #mute = new WeakSet<Socket>();
  readonly #unanswered = new WeakSet<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.target = port;
    server.on('connection', (client) => this.#join(client, connect(this.target, '127.0.0.1')));
  }

  static async start(port: number): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, port);
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get url(): string {
    return `postgres://tester@127.0.0.1:${this.port}/postgres`;
  }

  /** Resets all connections that stand now, both ways; answers how many. */
  cut(): number {
    const clients = [...this.#pairs.keys()];
    for (const client of clients) client.resetAndDestroy();
    return clients.length;
  }

  /** Passes nothing more on over the connections that stand now, and closes none: neither side hears of it. */
  halfOpen(): number {
    for (const client of this.#pairs.keys()) this.#mute.add(client);
    return this.#pairs.size;
  }

  /** Loses the answers of the server over the connections that stand now; what the clients send arrives. */
  loseAnswers(): number {
    for (const client of this.#pairs.keys()) this.#unanswered.add(client);
    return this.#pairs.size;
  }

  #join(client: Socket, server: Socket): void {
    this.#pairs.set(client, server);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('data', (data) => {
        if (this.#mute.has(client) || (from === server && this.#unanswered.has(client))) return;
        // A message of the server begins with its type; to a client that only listens, each comes in a packet of its own.
        if (this.silent && from === server && data[0] === 'A'.charCodeAt(0)) return;
        if (this.delay === 0) to.write(data);
        else setTimeout(() => to.writable && to.write(data), this.delay);
      });
      from.on('error', () => {});
      from.on('close', () => {
        this.#pairs.delete(client);
        if (!this.#mute.has(client)) to.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [client, server] of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    await new Promise((closed) => this.#server.close(closed));
  }
}
