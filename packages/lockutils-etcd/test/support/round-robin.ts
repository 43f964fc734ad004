import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** One address in front of several members, as a Service or a load balancer is: each request goes to the next of them. */
export class RoundRobin implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** How many connections each target got. */
  readonly taken: number[];

  private constructor(server: Server, targets: readonly string[]) {
    this.#server = server;
    this.taken = targets.map(() => 0);
    let next = 0;
    server.on('connection', (client) => {
      const index = next++ % targets.length;
      this.taken[index] = (this.taken[index] ?? 0) + 1;
      const { port } = new URL(targets[index] as string);
      const member = connect(Number(port), '127.0.0.1');
      this.#join(client, member);
    });
  }

  static async start(targets: readonly string[]): Promise<RoundRobin> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new RoundRobin(server, targets);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** Ends the connections that stand, so that the next requests go to other members. */
  shuffle(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(one: Socket, other: Socket): void {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.shuffle();
    await new Promise((closed) => this.#server.close(closed));
  }
}
